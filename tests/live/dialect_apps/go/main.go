// A small shop that counts its requests with promhttp: `shop PORT`.
package main

import (
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var (
	requests = promauto.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests."}, []string{"code", "method", "route"})
	duration = promauto.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "Duration."}, []string{"code", "method", "route"})
	inFlight = promauto.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "In flight."})
)

func handle(pattern, route string, handler http.HandlerFunc) {
	labels := prometheus.Labels{"route": route}
	counted := promhttp.InstrumentHandlerCounter(requests.MustCurryWith(labels), handler)
	timed := promhttp.InstrumentHandlerDuration(duration.MustCurryWith(labels), counted)
	http.Handle(pattern, promhttp.InstrumentHandlerInFlight(inFlight, timed))
}

func main() {
	handle("/orders/", "/orders/{id}", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.URL.Path)) })
	handle("/orders", "/orders", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(150 * time.Millisecond)
		w.WriteHeader(http.StatusCreated)
	})
	handle("/fail", "/fail", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "failed", http.StatusInternalServerError) })
	http.Handle("/metrics", promhttp.Handler())
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
