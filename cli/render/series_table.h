// Series as rows: what all of them share is said once, what differs becomes columns.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/answer.h"
#include "render/table.h"

namespace baro::cli {

// The labels in PromQL's form: up{instance="a:1",job="node"}. Harmless text. Empty for no labels.
std::string SelectorText(const LabelSet& labels);

// What the label sets have in common, and the names of the others.
struct SharedLabels {
  LabelSet common;
  std::vector<std::string> varying;  // "__name__" first, the rest sorted
};
SharedLabels ShareLabels(const std::vector<const LabelSet*>& sets);

// Columns and cells for the varying labels.
std::vector<Column> LabelColumns(const SharedLabels& shared);
std::vector<Cell> LabelCells(const SharedLabels& shared, const LabelSet& labels);

// Sorts by labels, so that two runs can be compared; numbers inside values by their value.
void SortByLabels(std::vector<Series>* series);
bool LabelsLess(const LabelSet& left, const LabelSet& right);

// Every point of every series as one exact record: label fields, "time", "value".
std::vector<Record> ExactRecords(const QueryAnswer& answer);

}  // namespace baro::cli
