// A small shop on the JDK's own server that counts its requests with Micrometer, with Spring Boot's names.
import com.sun.net.httpserver.HttpServer;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

public class Shop {
    static final PrometheusMeterRegistry REGISTRY = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    static void handle(HttpServer server, String path, String uri, int status, int millis) {
        server.createContext(path, exchange -> {
            Timer.Sample sample = Timer.start(REGISTRY);
            try {
                Thread.sleep(millis);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
            sample.stop(Timer.builder("http.server.requests").publishPercentileHistogram()
                .tags("method", exchange.getRequestMethod(), "uri", uri, "status", String.valueOf(status),
                      "outcome", status < 400 ? "SUCCESS" : "SERVER_ERROR", "exception", "none", "error", "none")
                .register(REGISTRY));
        });
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        handle(server, "/orders/", "/orders/{id}", 200, 0);
        handle(server, "/orders", "/orders", 201, 150);
        handle(server, "/fail", "/fail", 500, 0);
        server.createContext("/metrics", exchange -> {
            byte[] page = REGISTRY.scrape().getBytes();
            exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4");
            exchange.sendResponseHeaders(200, page.length);
            exchange.getResponseBody().write(page);
            exchange.close();
        });
        server.start();
    }
}
