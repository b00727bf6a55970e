#!/usr/bin/env bash
# cAdvisor 0.53.0: container_fs_read_seconds_total, _write_seconds_total and _io_time_seconds_total are a millionth of the time.
#
# FsStats has the milliseconds of /proc/diskstats ("number of milliseconds spent reading"). The collector of the metrics page divides
# them by the nanoseconds of a second. A disk that has read for 2 s shows 0.000002; a rule that compares the rate with 1, as for
# node_disk_io_time_seconds_total, never holds.
#
# Seen: 2,000, 4,000 and 6,000 ms in FsStats are 2e-06, 4e-06 and 6e-06 on the page.
# Consequence here: these series, of the machine only and off by default, have the kernel's seconds (exporter/deviations.yaml).
# Needs Go 1.23 with a module proxy.
set -euo pipefail
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
export GOFLAGS=-mod=mod
cat >go.mod <<'TEXT'
module finding

go 1.23

require github.com/google/cadvisor v0.53.0
TEXT
cat >main.go <<'GO'
// Prints what cAdvisor's collector makes of a disk that has been busy for some seconds.
package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/cadvisor/container"
	info "github.com/google/cadvisor/info/v1"
	v2 "github.com/google/cadvisor/info/v2"
	"github.com/google/cadvisor/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

type machine struct{}

func (machine) GetRequestedContainersInfo(string, v2.RequestOptions) (map[string]*info.ContainerInfo, error) {
	disk := info.FsStats{Device: "/dev/vda", ReadTime: 2000, WriteTime: 4000, IoTime: 6000}
	root := &info.ContainerInfo{ContainerReference: info.ContainerReference{Name: "/"}}
	root.Spec.HasFilesystem = true
	root.Stats = []*info.ContainerStats{{Timestamp: time.Now(), Filesystem: []info.FsStats{disk}}}
	return map[string]*info.ContainerInfo{"/": root}, nil
}

func (machine) GetVersionInfo() (*info.VersionInfo, error) { return &info.VersionInfo{}, nil }

func (machine) GetMachineInfo() (*info.MachineInfo, error) { return &info.MachineInfo{}, nil }

func main() {
	registry := prometheus.NewRegistry()
	shown := container.MetricSet{container.DiskIOMetrics: {}}
	registry.MustRegister(metrics.NewPrometheusCollector(
		machine{}, metrics.DefaultContainerLabels, shown, clock.RealClock{}, v2.RequestOptions{}))
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		name := family.GetName()
		if strings.HasSuffix(name, "_seconds_total") && strings.HasPrefix(name, "container_fs_") {
			fmt.Println(name, family.Metric[0].GetCounter().GetValue())
		}
	}
}
GO
go mod tidy 2>log || { cat log >&2; exit 2; }
go list -m github.com/google/cadvisor
go run . | tee seen
diff seen - <<'TEXT'
container_fs_io_time_seconds_total 6e-06
container_fs_io_time_weighted_seconds_total 0
container_fs_read_seconds_total 2e-06
container_fs_write_seconds_total 4e-06
TEXT
echo "as described"
