#include "baro/codec/frame.h"

#include <algorithm>
#include <array>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "bitmap.h"
#include "frame_mode.h"

namespace baro::codec {
namespace {

enum Flag : uint8_t {
  kKeyFrame = 1 << 0,        // stands for itself: told against the origin
  kAbsenceChanged = 1 << 1,  // a bitmap of the columns that came or went
  kModesChanged = 1 << 2,
  kOthersChanged = 1 << 3,  // a bitmap of the columns that changed now but not before, or reverse
  kStateFollows = 1 << 4,   // what a decoder must know to go on (EncodeState)
  kFlagsKnown = (1 << 5) - 1,
};

constexpr size_t kColumnsPerWord = 64;
// A changed value in the longest form: two varints.
constexpr size_t kValueBytesMax = 2 * kVarintBytesMax;

// One bit a column that differs, 64 columns at most.
uint64_t Differences(const double* a, const double* b, size_t count) {
  uint64_t mask = 0;
  for (size_t i = 0; i < count; ++i) mask |= uint64_t{BitsOf(a[i]) != BitsOf(b[i])} << i;
  return mask;
}

// What both ends of a chain know after each frame. The origin, against which a key frame is told,
// is this at its defaults.
struct ChainState {
  explicit ChainState(size_t column_count)
      : values(column_count), modes(column_count), changed(WordsOf(column_count)) {}

  void ToOrigin() {
    time_ms = 0;
    time_step_ms = 0;
    std::fill(values.begin(), values.end(), 0.0);
    std::fill(modes.begin(), modes.end(), uint8_t{0});
    std::fill(changed.begin(), changed.end(), 0);
  }

  // Goes to the next row's time; returns by how much the step differs from the one before. Wraps.
  uint64_t Advance(int64_t next_ms, bool key_frame) {
    const uint64_t step = static_cast<uint64_t>(next_ms) - static_cast<uint64_t>(time_ms);
    const uint64_t surprise = step - static_cast<uint64_t>(time_step_ms);
    time_step_ms = key_frame ? 0 : static_cast<int64_t>(step);
    time_ms = next_ms;
    return surprise;
  }

  int64_t time_ms = 0;
  int64_t time_step_ms = 0;  // between the last two rows; 0 after a key frame
  std::vector<double> values;
  std::vector<uint8_t> modes;
  std::vector<uint64_t> changed;  // values, in the last frame
};

// Modes that change, as runs of equal ones: skip, length, mode.
class ModeRuns {
 public:
  void Clear() {
    sink_.Clear();
    runs_ = end_ = length_ = 0;
  }

  void Add(size_t column, uint8_t mode) {
    if (length_ != 0 && column == first_ + length_ && mode == mode_) {
      ++length_;
      return;
    }
    Flush();
    first_ = column;
    length_ = 1;
    mode_ = mode;
  }
  bool empty() const { return runs_ == 0 && length_ == 0; }

  void AppendTo(ByteSink* sink) {
    Flush();
    sink->Varint(runs_);
    sink->Bytes(sink_.bytes());
  }

 private:
  void Flush() {
    if (length_ == 0) return;
    sink_.Varint(first_ - end_);
    sink_.Varint(length_);
    sink_.Byte(mode_);
    end_ = first_ + length_;
    length_ = 0;
    ++runs_;
  }

  ByteSink sink_;
  size_t runs_ = 0;
  size_t end_ = 0;  // of the last run written
  size_t first_ = 0;
  size_t length_ = 0;
  uint8_t mode_ = 0;
};

bool AnySet(std::span<const uint64_t> words) {
  uint64_t any = 0;
  for (const uint64_t word : words) any |= word;
  return any != 0;
}

// Puts one frame together from its parts; the parts' memory is used again for the next.
class FrameWriter {
 public:
  // Tells `row` against `state`, leaves `state` as the reader will have it and appends the frame.
  // `preferred` are the modes to try first, one a column. What a reader must know beyond the row to
  // go on from here is added when `handed_over` is given.
  void Write(const Row& row, bool key_frame, std::span<uint8_t> preferred, ChainState* state,
             const ChainState* handed_over, std::string* bytes);

 private:
  void Start(size_t column_count);
  uint64_t TellWord(size_t word, uint64_t differs, const Row& row, std::span<uint8_t> preferred,
                    ChainState* state);
  char* PutValue(double value, double base, uint8_t* mode, char* out);
  void Assemble(uint8_t flags, uint64_t time, size_t column_count);
  void AppendState(const ChainState& state, const ChainState& handed_over);

  std::vector<uint64_t> came_or_went_;
  std::vector<uint64_t> changed_;
  std::vector<uint64_t> others_;
  ModeRuns modes_;
  ByteSink values_;
  ByteSink frame_;
  uint64_t long_values_ = 0;
};

void FrameWriter::Start(size_t column_count) {
  came_or_went_.assign(WordsOf(column_count), 0);
  changed_.assign(WordsOf(column_count), 0);
  others_.resize(WordsOf(column_count));
  modes_.Clear();
  values_.Clear();
  frame_.Clear();
}

// Writes `value` in `*mode`, or in a better one when it does not fit or is long.
char* FrameWriter::PutValue(double value, double base, uint8_t* mode, char* out) {
  constexpr size_t kLong = 6;
  ValueInMode coded = InMode(value, base, *mode);
  bool choose = !coded.fits || (*mode == 0 && BitsOf(base) == 0);
  if (!choose && SizeInMode(coded, *mode) >= kLong) [[unlikely]] {
    // About one long value in 16 is tried again, whichever columns they are (Fibonacci hashing).
    choose = (++long_values_ * 0x9e3779b97f4a7c15) >> 60 == 0;
  }
  if (choose) [[unlikely]] {
    const uint8_t cheapest = CheapestMode(value, base);
    const ValueInMode better = InMode(value, base, cheapest);
    if (!coded.fits || *mode == 0 || SizeInMode(better, cheapest) + 2 <= SizeInMode(coded, *mode)) {
      *mode = cheapest;
      coded = better;
    }
  }
  out = PutVarint(out, coded.difference);
  return *mode & kUlpMode ? PutVarint(out, coded.ulp) : out;
}

// Writes the values of one word's columns and returns which of them a changed bit stands for.
uint64_t FrameWriter::TellWord(size_t word, uint64_t differs, const Row& row,
                               std::span<uint8_t> preferred, ChainState* state) {
  uint64_t changed = 0;
  char* out = values_.Room(kColumnsPerWord * kValueBytesMax);
  for (uint64_t left = differs; left != 0; left &= left - 1) {
    const uint64_t bit = left & (0 - left);
    const size_t column = word * kColumnsPerWord + static_cast<size_t>(std::countr_zero(left));
    const double value = row.values[column];
    double base = state->values[column];
    state->values[column] = value;
    if (model::IsStaleNan(value) || model::IsStaleNan(base)) {
      came_or_went_[word] |= bit;
      base = 0.0;
      if (model::IsStaleNan(value) || BitsOf(value) == 0) continue;
    }
    changed |= bit;
    uint8_t& mode = preferred[column];
    out = PutValue(value, base, &mode, out);
    if (mode != state->modes[column]) {
      state->modes[column] = mode;
      modes_.Add(column, mode);
    }
  }
  values_.Advance(out);
  return changed;
}

void FrameWriter::Write(const Row& row, bool key_frame, std::span<uint8_t> preferred,
                        ChainState* state, const ChainState* handed_over, std::string* bytes) {
  const size_t column_count = row.values.size();
  Start(column_count);
  if (key_frame) state->ToOrigin();
  for (size_t word = 0; word < changed_.size(); ++word) {
    const size_t first = word * kColumnsPerWord;
    const uint64_t differs = Differences(row.values.data() + first, state->values.data() + first,
                                         std::min(kColumnsPerWord, column_count - first));
    changed_[word] = TellWord(word, differs, row, preferred, state);
    others_[word] = changed_[word] ^ state->changed[word];
  }
  const uint64_t time = ZigZag(state->Advance(row.time_ms, key_frame));
  state->changed.swap(changed_);

  uint8_t flags = key_frame ? kKeyFrame : 0;
  if (AnySet(came_or_went_)) flags |= kAbsenceChanged;
  if (!modes_.empty()) flags |= kModesChanged;
  if (AnySet(others_)) flags |= kOthersChanged;
  if (handed_over != nullptr) flags |= kStateFollows;
  Assemble(flags, time, column_count);
  if (handed_over != nullptr) AppendState(*state, *handed_over);
  std::array<char, kVarintBytesMax> size;
  bytes->append(size.data(), PutVarint(size.data(), frame_.size()));
  bytes->append(frame_.bytes());
}

void FrameWriter::Assemble(uint8_t flags, uint64_t time, size_t column_count) {
  frame_.Byte(flags);
  frame_.Varint(time);
  if (flags & kAbsenceChanged) AppendBitmap(came_or_went_, column_count, &frame_);
  if (flags & kModesChanged) modes_.AppendTo(&frame_);
  if (flags & kOthersChanged) AppendBitmap(others_, column_count, &frame_);
  frame_.Bytes(values_.bytes());
}

void FrameWriter::AppendState(const ChainState& state, const ChainState& handed_over) {
  frame_.Varint(ZigZag(static_cast<uint64_t>(handed_over.time_step_ms)));
  modes_.Clear();
  for (size_t column = 0; column < state.modes.size(); ++column) {
    if (state.modes[column] != handed_over.modes[column]) {
      modes_.Add(column, handed_over.modes[column]);
    }
  }
  modes_.AppendTo(&frame_);
  if (!state.modes.empty()) AppendBitmap(handed_over.changed, state.modes.size(), &frame_);
}

// Reads the parts of one frame into a state; says what is wrong with damaged ones. The bitmaps'
// memory is used again for the next.
class FrameReader {
 public:
  // Both return false when the frame is damaged: fault() says why and offset() where. ReadRest may
  // then leave the state half way.
  bool ReadFlags(std::string_view frame);
  bool key_frame() const { return (flags_ & kKeyFrame) != 0; }
  bool ReadRest(ChainState* state);

  const char* fault() const { return fault_; }
  size_t offset() const { return source_.offset(); }
  // Columns that came or went with the last frame.
  std::span<const uint64_t> came_or_went() const { return came_or_went_; }

 private:
  bool Fail(const char* fault) {
    fault_ = fault;
    return false;
  }
  bool ReadTime(ChainState* state);
  bool ReadAbsence(ChainState* state);
  bool ReadModes(ChainState* state);
  bool ReadChanged(ChainState* state);
  bool ReadValues(ChainState* state);
  bool ReadState(ChainState* state);

  ByteSource source_{{}};
  uint8_t flags_ = 0;
  const char* fault_ = nullptr;
  std::vector<uint64_t> came_or_went_;
  std::vector<uint64_t> others_;
};

bool FrameReader::ReadFlags(std::string_view frame) {
  source_ = ByteSource(frame);
  if (!source_.Byte(&flags_)) return Fail("it is empty");
  if ((flags_ & ~kFlagsKnown) != 0) return Fail("its flags are unknown");
  if ((flags_ & kStateFollows) && !key_frame()) return Fail("a state follows a delta frame");
  return true;
}

bool FrameReader::ReadRest(ChainState* state) {
  if (key_frame()) state->ToOrigin();
  if (!ReadTime(state) || !ReadAbsence(state)) return false;
  if ((flags_ & kModesChanged) && !ReadModes(state)) return false;
  if (!ReadChanged(state) || !ReadValues(state)) return false;
  if ((flags_ & kStateFollows) && !ReadState(state)) return false;
  return source_.left() == 0 || Fail("bytes are left over");
}

bool FrameReader::ReadTime(ChainState* state) {
  uint64_t surprise = 0;
  if (!source_.Varint(&surprise)) return Fail("its time is cut off");
  const uint64_t step = UnZigZag(surprise) + static_cast<uint64_t>(state->time_step_ms);
  state->Advance(static_cast<int64_t>(static_cast<uint64_t>(state->time_ms) + step), key_frame());
  return true;
}

bool FrameReader::ReadAbsence(ChainState* state) {
  came_or_went_.assign(state->changed.size(), 0);
  if ((flags_ & kAbsenceChanged) == 0) return true;
  if (state->values.empty() || !ReadBitmap(&source_, state->values.size(), came_or_went_)) {
    return Fail("its absence bitmap is damaged");
  }
  ForEachBit(came_or_went_, [state](size_t column) {
    double& value = state->values[column];
    value = model::IsStaleNan(value) ? 0.0 : model::kStaleNan;
  });
  return true;
}

bool FrameReader::ReadModes(ChainState* state) {
  uint64_t runs = 0;
  if (!source_.Varint(&runs)) return Fail("its modes are cut off");
  for (size_t next = 0; runs != 0; --runs) {
    uint64_t skip = 0;
    uint64_t length = 0;
    uint8_t mode = 0;
    if (!source_.Varint(&skip) || !source_.Varint(&length) || !source_.Byte(&mode)) {
      return Fail("its modes are cut off");
    }
    const size_t left = state->modes.size() - next;
    if (skip > left || length == 0 || length > left - skip) {
      return Fail("a mode is for a column beyond the last");
    }
    if (!IsKnownMode(mode)) return Fail("a mode is unknown");
    next += skip;
    std::fill_n(state->modes.begin() + static_cast<ptrdiff_t>(next), length, mode);
    next += length;
  }
  return true;
}

bool FrameReader::ReadChanged(ChainState* state) {
  if ((flags_ & kOthersChanged) == 0) return true;
  others_.resize(state->changed.size());
  if (state->values.empty() || !ReadBitmap(&source_, state->values.size(), others_)) {
    return Fail("its bitmap of changes is damaged");
  }
  for (size_t word = 0; word < others_.size(); ++word) state->changed[word] ^= others_[word];
  return true;
}

bool FrameReader::ReadValues(ChainState* state) {
  for (size_t word = 0; word < state->changed.size(); ++word) {
    for (uint64_t left = state->changed[word]; left != 0; left &= left - 1) {
      const size_t column = word * kColumnsPerWord + static_cast<size_t>(std::countr_zero(left));
      double& value = state->values[column];
      if (!GetValue(&source_, state->modes[column], value, &value)) {
        return Fail("a value is cut off or out of range");
      }
    }
  }
  return true;
}

bool FrameReader::ReadState(ChainState* state) {
  uint64_t step = 0;
  if (!source_.Varint(&step)) return Fail("its state is cut off");
  state->time_step_ms = static_cast<int64_t>(UnZigZag(step));
  if (!ReadModes(state)) return false;
  return state->values.empty() || ReadBitmap(&source_, state->values.size(), state->changed) ||
         Fail("its state's bitmap is damaged");
}

// Drops the first frame from `bytes`; `content` is what is behind its size.
absl::Status CutFrame(std::string_view* bytes, std::string_view* content) {
  ByteSource source(*bytes);
  uint64_t size = 0;
  if (source.Varint(&size) && source.Bytes(size, content)) {
    *bytes = source.rest();
    return absl::OkStatus();
  }
  const size_t left = bytes->size();
  *bytes = {};
  return absl::DataLossError(base::StrCat("cannot decode frame: its size, ", size,
                                          ", is not in the ", left, " bytes left"));
}

}  // namespace

struct FrameEncoder::State {
  explicit State(size_t column_count) : chain(column_count), preferred(column_count) {}

  ChainState chain;
  std::vector<uint8_t> preferred;  // the modes of the chain before serve the next one too
  bool key_frame_due = true;
  FrameWriter writer;
};

FrameEncoder::FrameEncoder(size_t column_count) {
  BARO_CHECK_LE(column_count, kFrameColumnsMax);
  state_ = std::make_unique<State>(column_count);
}
FrameEncoder::~FrameEncoder() = default;
FrameEncoder::FrameEncoder(FrameEncoder&&) noexcept = default;
FrameEncoder& FrameEncoder::operator=(FrameEncoder&&) noexcept = default;

void FrameEncoder::Encode(const Row& row, bool key_frame, std::string* bytes) {
  BARO_CHECK_EQ(row.values.size(), state_->preferred.size());
  state_->writer.Write(row, key_frame || state_->key_frame_due, state_->preferred, &state_->chain,
                       nullptr, bytes);
  state_->key_frame_due = false;
}

void FrameEncoder::StartChain() { state_->key_frame_due = true; }

struct FrameDecoder::State {
  explicit State(size_t column_count) : chain(column_count) {}

  // Tells which columns of the last frame differ from the row before it.
  void TellChanged(bool key_frame, bool had_row, std::vector<uint64_t>* changed) const;

  ChainState chain;
  bool has_row = false;
  FrameReader reader;
  std::vector<double> row_before;  // of a key frame in the middle of a chain
};

void FrameDecoder::State::TellChanged(bool key_frame, bool had_row,
                                      std::vector<uint64_t>* changed) const {
  const size_t column_count = chain.values.size();
  changed->resize(WordsOf(column_count));
  for (size_t word = 0; word < changed->size(); ++word) {
    const size_t first = word * kColumnsPerWord;
    const size_t count = std::min(kColumnsPerWord, column_count - first);
    if (!key_frame) {
      (*changed)[word] = chain.changed[word] | reader.came_or_went()[word];
    } else if (had_row) {
      (*changed)[word] = Differences(&chain.values[first], &row_before[first], count);
    } else {
      (*changed)[word] = ~uint64_t{0} >> (kColumnsPerWord - count);
    }
  }
}

FrameDecoder::FrameDecoder(size_t column_count) {
  BARO_CHECK_LE(column_count, kFrameColumnsMax);
  state_ = std::make_unique<State>(column_count);
}
FrameDecoder::~FrameDecoder() = default;
FrameDecoder::FrameDecoder(FrameDecoder&&) noexcept = default;
FrameDecoder& FrameDecoder::operator=(FrameDecoder&&) noexcept = default;

size_t FrameDecoder::column_count() const { return state_->chain.values.size(); }

absl::Status FrameDecoder::Decode(std::string_view* bytes, Row* row,
                                  std::vector<uint64_t>* changed) {
  State& state = *state_;
  const size_t size_before = bytes->size();
  std::string_view frame;
  const bool had_row = std::exchange(state.has_row, false);
  BARO_TRY(CutFrame(bytes, &frame));
  const auto damaged = [&] {
    return absl::DataLossError(
        base::StrCat("cannot decode frame: ", state.reader.fault(), " at byte ",
                     size_before - bytes->size() - frame.size() + state.reader.offset()));
  };
  if (!state.reader.ReadFlags(frame)) return damaged();
  if (!had_row && !state.reader.key_frame()) {
    return absl::FailedPreconditionError("cannot decode frame: it is told against a row not known");
  }
  const bool key_frame = state.reader.key_frame();
  if (key_frame && had_row && changed != nullptr) state.row_before = state.chain.values;
  if (!state.reader.ReadRest(&state.chain)) return damaged();
  state.has_row = true;
  *row = {state.chain.time_ms, state.chain.values};
  if (changed != nullptr) state.TellChanged(key_frame, had_row, changed);
  return absl::OkStatus();
}

void FrameDecoder::EncodeState(std::string* bytes) const {
  const ChainState& chain = state_->chain;
  if (!state_->has_row) return;
  ChainState told(column_count());
  std::vector<uint8_t> preferred = chain.modes;
  FrameWriter writer;
  writer.Write({chain.time_ms, chain.values}, true, preferred, &told, &chain, bytes);
}

absl::Status NextFrame(std::string_view* bytes, std::string_view* frame) {
  const std::string_view before = *bytes;
  std::string_view content;
  BARO_TRY(CutFrame(bytes, &content));
  *frame = before.substr(0, before.size() - bytes->size());
  return absl::OkStatus();
}

}  // namespace baro::codec
