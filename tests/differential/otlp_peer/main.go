// otlp_peer is Prometheus' own OTLP receiver over Prometheus' own storage, with just enough of its HTTP API to ask for
// what was stored: the peer of otlp_test.py where the packaged Prometheus comes without the receiver.
//
// usage: otlp_peer LISTEN_ADDRESS CONFIG_FILE DATA_FOLDER
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql"
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
	options.EnableNativeHistograms = true
	options.EnableExemplarStorage = true
	options.MaxExemplars = 100_000
	db, err := tsdb.Open(os.Args[3], logger, prometheus.NewRegistry(), options, nil)
	check(err)
	engine := promql.NewEngine(promql.EngineOpts{Logger: logger, MaxSamples: 50_000_000, Timeout: time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true})
	read := func() config.Config { return *settings }
	http.Handle("/api/v1/otlp/v1/metrics",
		remote.NewOTLPWriteHandler(logger, prometheus.NewRegistry(), db, read, remote.OTLPOptions{}))
	http.HandleFunc("/-/ready", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		at, err := strconv.ParseInt(r.FormValue("time"), 10, 64)
		check(err)
		query, err := engine.NewInstantQuery(r.Context(), db, nil, r.FormValue("query"), time.Unix(at, 0))
		check(err)
		defer query.Close()
		result := query.Exec(r.Context())
		check(result.Err)
		data := map[string]any{"resultType": result.Value.Type(), "result": result.Value}
		check(json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data}))
	})
	check(http.ListenAndServe(os.Args[1], nil))
}
