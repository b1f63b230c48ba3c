// otlp_peer is Prometheus' own OTLP receiver over Prometheus' own storage, which remote read shows: the peer of
// otlp_test.py where the packaged Prometheus comes without the receiver.
//
// usage: otlp_peer LISTEN_ADDRESS CONFIG_FILE DATA_FOLDER
package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "prometheus:", err)
		os.Exit(1)
	}
}

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	settings, err := config.LoadFile(os.Args[2], false, logger)
	check(err)
	options := tsdb.DefaultOptions()
	options.EnableExemplarStorage = true
	options.MaxExemplars = 100_000
	db, err := tsdb.Open(os.Args[3], logger, prometheus.NewRegistry(), options, nil)
	check(err)
	read := func() config.Config { return *settings }
	http.Handle("/api/v1/otlp/v1/metrics",
		remote.NewOTLPWriteHandler(logger, prometheus.NewRegistry(), db, read, remote.OTLPOptions{}))
	http.HandleFunc("/-/ready", func(w http.ResponseWriter, r *http.Request) {})
	http.Handle("/api/v1/read", remote.NewReadHandler(logger, prometheus.NewRegistry(), db, read, 0, 4, 1<<20))
	check(http.ListenAndServe(os.Args[1], nil))
}
