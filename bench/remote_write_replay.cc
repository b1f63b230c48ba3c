// Replays captured scrapes as remote write 1.0 from a fleet of instances, and reads them back.
//
//   remote_write_replay encode --data FOLDER --instances 40 --rows 480 --start-ms T --out FILE
//   remote_write_replay send FILE HOST:PORT
//   remote_write_replay check --data FOLDER --instances 40 --rows 480 --start-ms T --url URL
//
// Requests are encoded before anything is sent, so that the generator's cost is not the server's
// and every server gets the same bytes. bench/store.py runs it and reads the servers' own CPU.
#include "plan_options.h"
#include "replay_verbs.h"

int main(int argc, char** argv) {
  CLI::App app("Replays captured scrapes as remote write 1.0.", "remote_write_replay");
  app.require_subcommand(1);
  baro::bench::CorpusOptions data;
  baro::bench::EncodeOptions encode;
  baro::bench::SendOptions send;
  baro::bench::CheckOptions check;
  CLI::App* const encode_verb = app.add_subcommand("encode", "Writes a fleet's requests");
  AddPlanOptions(encode_verb, &data, &encode.plan);
  encode_verb->add_option("--churn-percent", encode.plan.churn_percent,
                          "Share of targets replaced every --churn-rows");
  encode_verb->add_option("--churn-rows", encode.plan.churn_rows, "See --churn-percent")
      ->check(CLI::PositiveNumber);
  encode_verb->add_option("--samples-per-request", encode.samples_per_request);
  encode_verb->add_option("--out", encode.out, "File; - for standard output");
  CLI::App* const send_verb = app.add_subcommand("send", "Sends them");
  send_verb->add_option("in", send.in, "File; - for standard input")->required();
  send_verb->add_option("address", send.address, "HOST:PORT")->required();
  send_verb->add_option("--path", send.path);
  send_verb->add_option("--connections", send.connections)->check(CLI::PositiveNumber);
  send_verb->add_option("--report-rows", send.report_rows);
  CLI::App* const check_verb = app.add_subcommand("check", "Reads them back and compares");
  AddPlanOptions(check_verb, &data, &check.plan);
  check_verb->add_option("--url", check.url)->required();
  CLI11_PARSE(app, argc, argv);
  if (*send_verb) return baro::bench::Send(send);
  const baro::bench::Corpus corpus = baro::bench::ReadCorpus(data.folder, data.only);
  return *encode_verb ? baro::bench::Encode(corpus, encode) : baro::bench::Check(corpus, check);
}
