#include "tokens.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace baro::codec {
namespace {

// Numbers below this are tokens of their own.
constexpr unsigned kSmall = 16;
constexpr unsigned kSmallWidth = 5;  // of the first one beyond
constexpr size_t kTokens = TokenPlan::kTokens;
static_assert(kTokens == kSmall + 2 * (64 - kSmallWidth + 1));
constexpr size_t kNumbersMin = 32;
// States of the coder, as a power of two: 2^6 … 2^9.
constexpr unsigned kLogMin = 6;
constexpr unsigned kLogMax = 9;
constexpr unsigned kLogBits = 2;
constexpr unsigned kTokenBits = 8;
// What one load of a word surely holds behind a bit that is anywhere in its first byte.
constexpr unsigned kBitsOfLoad = 57;

unsigned TokenOf(uint64_t number) {
  if (number < kSmall) return static_cast<unsigned>(number);
  const auto width = static_cast<unsigned>(std::bit_width(number));
  return kSmall + (width - kSmallWidth) * 2 + static_cast<unsigned>(number >> (width - 2) & 1);
}

// How many bits follow the token.
constexpr unsigned RestBits(unsigned token) {
  return token < kSmall ? 0 : (token - kSmall) / 2 + kSmallWidth - 2;
}

// The least number of a token.
constexpr uint64_t LeastOf(unsigned token) {
  return token < kSmall ? token : (uint64_t{2} | (token & 1)) << RestBits(token);
}

constexpr std::array<uint64_t, kTokens> kLeast = [] {
  std::array<uint64_t, kTokens> least{};
  for (unsigned token = 0; token < kTokens; ++token) least[token] = LeastOf(token);
  return least;
}();

uint64_t MaskOf(unsigned bits) { return (uint64_t{1} << bits) - 1; }

unsigned LogFor(size_t numbers) {
  if (numbers < 96) return kLogMin;
  return numbers < 600 ? 7 : numbers < 2000 ? 8 : kLogMax;
}

using Frequencies = std::array<uint32_t, kTokens>;

// How often a token comes is told in half powers of two: class 1 is once, 2 k + 1 is 2^k times, and
// 0 is never. What that loses against exact counts is less than what those cost.
constexpr unsigned kClassBits = 5;
constexpr std::array<uint32_t, 1 << kClassBits> kWeights = {
    0,     2,     3,     4,     6,      8,      11,     16,     23,     32,    45,
    64,    91,    128,   181,   256,    362,    512,    724,    1'024,  1'448, 2'048,
    2'896, 4'096, 5'793, 8'192, 11'585, 16'384, 23'170, 32'768, 46'341, 65'536};

// The nearest class, in the measure of powers.
uint8_t ClassOf(uint32_t count) {
  if (count == 0) return 0;
  const auto above = std::lower_bound(kWeights.begin() + 1, kWeights.end() - 1, 2 * count);
  const bool below = above != kWeights.begin() + 1 &&
                     uint64_t{2 * count} * (2 * count) <= uint64_t{*above} * *(above - 1);
  return static_cast<uint8_t>(above - kWeights.begin() - (below ? 1 : 0));
}

using Classes = std::array<uint8_t, kTokens>;

// Weights scaled to a sum of 2^log, each at least 1. Requires at most 2^log / 2 tokens that come.
void Scale(const Classes& classes, unsigned first, unsigned end, unsigned log,
           Frequencies* frequencies) {
  uint64_t total = 0;
  for (unsigned token = first; token < end; ++token) total += kWeights[classes[token]];
  uint32_t left = 1U << log;
  unsigned most = first;
  for (unsigned token = first; token < end; ++token) {
    const uint64_t weight = kWeights[classes[token]];
    const auto share = static_cast<uint32_t>((weight << log) / total);
    (*frequencies)[token] = weight == 0 ? 0 : std::max(share, 1U);
    left -= (*frequencies)[token];
    if (classes[token] > classes[most]) most = token;
  }
  if (static_cast<int32_t>(left) >= 0) {
    (*frequencies)[most] += left;
    return;
  }
  // Rare ones that were rounded up cost the frequent ones.
  for (; left != 0; ++left) {
    --*std::max_element(frequencies->begin() + first, frequencies->begin() + end);
  }
}

// Which token each state stands for: states of one token are spread evenly.
void Spread(const Frequencies& frequencies, unsigned first, unsigned end, unsigned log,
            std::span<uint8_t> token_of_state) {
  const size_t mask = (size_t{1} << log) - 1;
  const size_t step = (mask + 1) / 2 + (mask + 1) / 8 + 3;
  size_t at = 0;
  for (unsigned token = first; token < end; ++token) {
    for (uint32_t i = 0; i < frequencies[token]; ++i) {
      token_of_state[at] = static_cast<uint8_t>(token);
      at = (at + step) & mask;
    }
  }
}

class BitWriter {
 public:
  explicit BitWriter(char* out) : out_(out) {}
  // At most 57 bits, the rest of `bits` being zero.
  void Put(uint64_t bits, unsigned count) {
    word_ |= bits << filled_;
    filled_ += count;
    std::memcpy(out_, &word_, sizeof(word_));
    out_ += filled_ / 8;
    word_ = filled_ / 8 == 8 ? 0 : word_ >> (filled_ / 8 * 8);
    filled_ %= 8;
  }
  // Any number of zeros, then `value`'s bits from the highest one down to where a reader who
  // counted the zeros stops: Elias' gamma. Requires value > 0.
  void PutGamma(uint32_t value) {
    const auto zeros = static_cast<unsigned>(std::bit_width(value)) - 1;
    Put(uint64_t{1} << zeros, zeros + 1);
    Put(value & MaskOf(zeros), zeros);
  }
  char* Finish() { return out_ + (filled_ + 7) / 8; }

 private:
  char* out_;
  uint64_t word_ = 0;
  unsigned filled_ = 0;
};

// From one token's class to the next one's, as a number from 1.
uint32_t StepOf(uint8_t from, uint8_t to) {
  return static_cast<uint32_t>(ZigZag(uint64_t{to} - from)) + 1;
}

constexpr unsigned GammaBits(uint32_t value) {
  return 2 * static_cast<unsigned>(std::bit_width(value)) - 1;
}

// The coder from the writer's side: from the state that a reader comes to, the bits that take it
// there and the state it was in.
class Encoder {
 public:
  Encoder(const Frequencies& frequencies, unsigned first, unsigned end, unsigned log)
      : states_(1U << log) {
    std::array<uint8_t, 1 << kLogMax> token_of_state;
    Spread(frequencies, first, end, log, token_of_state);
    uint32_t total = 0;
    std::array<uint32_t, kTokens> next;
    for (unsigned token = first; token < end; ++token) {
      const uint32_t frequency = frequencies[token];
      next[token] = total;
      if (frequency == 0) continue;
      const unsigned bits_max =
          frequency == 1 ? log : log + 1 - static_cast<unsigned>(std::bit_width(frequency - 1));
      steps_[token] = {(bits_max << 16) - (frequency << bits_max), total - frequency};
      total += frequency;
    }
    for (uint32_t state = 0; state < states_; ++state) {
      before_[next[token_of_state[state]]++] = static_cast<uint16_t>(states_ + state);
    }
  }

  uint32_t first_state() const { return states_; }
  // Returns the count of bits, and puts them into *bits.
  unsigned Step(unsigned token, uint32_t* state, uint64_t* bits) const {
    const unsigned count = (*state + steps_[token].bits_rule) >> 16;
    *bits = *state & MaskOf(count);
    *state = before_[(*state >> count) + steps_[token].offset];
    return count;
  }

 private:
  struct TokenStep {
    uint32_t bits_rule = 0;  // + state, >> 16: the count of bits
    uint32_t offset = 0;     // wraps
  };
  const uint32_t states_;
  std::array<TokenStep, kTokens> steps_;
  std::array<uint16_t, 1 << kLogMax> before_;
};

// Where a reader goes from a state.
struct Transition {
  uint16_t next = 0;  // least state that may follow
  uint8_t bits = 0;   // to be added to it
  uint8_t token = 0;
  uint8_t rest = 0;  // bits behind them
};

using Transitions = std::array<Transition, 1 << kLogMax>;

void MakeTransitions(const Frequencies& frequencies, unsigned first, unsigned end, unsigned log,
                     Transitions* transitions) {
  std::array<uint8_t, 1 << kLogMax> token_of_state;
  Spread(frequencies, first, end, log, token_of_state);
  Frequencies next;
  std::copy(frequencies.begin() + first, frequencies.begin() + end, next.begin() + first);
  for (size_t state = 0; state < size_t{1} << log; ++state) {
    const uint8_t token = token_of_state[state];
    const uint32_t rank = next[token]++;
    const unsigned bits = log + 1 - static_cast<unsigned>(std::bit_width(rank));
    (*transitions)[state] = {static_cast<uint16_t>((rank << bits) - (1U << log)),
                             static_cast<uint8_t>(bits), token,
                             static_cast<uint8_t>(RestBits(token))};
  }
}

// Numbers between two looks at how far the bits go, and what they can take at most.
constexpr size_t kStride = 32;
constexpr size_t kBitsOfNumberMax = kLogMax + 64;
constexpr size_t kSlack = kStride * kBitsOfNumberMax / 8 + 64;

// Bits of a copy of the bytes with kSlack zeros behind them.
class BitReader {
 public:
  explicit BitReader(const char* bytes) : bytes_(bytes) {}
  uint64_t Look() const {
    uint64_t word;
    std::memcpy(&word, bytes_ + bit_ / 8, sizeof(word));
    return word >> (bit_ % 8);
  }
  void Skip(unsigned bits) { bit_ += bits; }
  uint64_t Take(unsigned bits) {  // at most 57
    const uint64_t value = Look() & MaskOf(bits);
    bit_ += bits;
    return value;
  }
  size_t bytes_read() const { return (bit_ + 7) / 8; }

 private:
  const char* bytes_;
  size_t bit_ = 0;
};

// Gamma's reader; more than `limit` zeros are damage.
bool TakeGamma(BitReader* bits, unsigned limit, uint32_t* value) {
  const auto zeros = static_cast<unsigned>(std::countr_zero(bits->Look() | uint64_t{1} << 32));
  if (zeros > limit) return false;
  bits->Skip(zeros + 1);
  *value = static_cast<uint32_t>(uint64_t{1} << zeros | bits->Take(zeros));
  return true;
}

struct Table {
  unsigned log = 0;
  unsigned first = 0;
  unsigned end = 0;
  Frequencies frequencies;
};

bool ReadTable(BitReader* bits, Table* table) {
  table->log = kLogMin + static_cast<unsigned>(bits->Take(kLogBits));
  table->first = static_cast<unsigned>(bits->Take(kTokenBits));
  uint32_t count = 0;
  if (!TakeGamma(bits, kTokenBits, &count) || table->first + count > kTokens) return false;
  table->end = table->first + count;
  Classes classes;
  auto one = static_cast<uint64_t>(bits->Take(kClassBits));
  uint32_t used = 0;
  for (unsigned token = table->first; token < table->end; ++token) {
    uint32_t step = 1;
    if (token != table->first && !TakeGamma(bits, kClassBits + 1, &step)) return false;
    one += UnZigZag(step - 1);
    if (one >= kWeights.size()) return false;
    classes[token] = static_cast<uint8_t>(one);
    used += one != 0;
  }
  if (used == 0 || used > 1U << (table->log - 1)) return false;
  Scale(classes, table->first, table->end, table->log, &table->frequencies);
  return true;
}

uint64_t TakeNumber(const Transition& step, uint32_t* state, BitReader* bits) {
  if (step.bits + step.rest <= kBitsOfLoad) [[likely]] {
    const uint64_t word = bits->Look();
    *state = step.next + static_cast<uint32_t>(word & MaskOf(step.bits));
    bits->Skip(step.bits + step.rest);
    return kLeast[step.token] + (word >> step.bits & MaskOf(step.rest));
  }
  *state = step.next + static_cast<uint32_t>(bits->Take(step.bits));
  const uint64_t low = bits->Take(32);
  return kLeast[step.token] + (bits->Take(step.rest - 32U) << 32 | low);
}

struct Scratch {
  std::vector<uint64_t> state_bits;
  std::vector<uint8_t> state_bit_counts;
  std::string padded;
  Transitions transitions;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

void PutNumbers(std::span<const uint64_t> numbers, const Encoder& encoder, unsigned log,
                BitWriter* writer) {
  Scratch& scratch = ThreadScratch();
  scratch.state_bits.resize(numbers.size());
  scratch.state_bit_counts.resize(numbers.size());
  std::array<uint32_t, 2> states = {encoder.first_state(), encoder.first_state()};
  for (size_t i = numbers.size(); i-- > 0;) {
    scratch.state_bit_counts[i] = static_cast<uint8_t>(
        encoder.Step(TokenOf(numbers[i]), &states[i % 2], &scratch.state_bits[i]));
  }
  for (const uint32_t state : states) writer->Put(state - encoder.first_state(), log);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const unsigned token = TokenOf(numbers[i]);
    const unsigned rest = RestBits(token);
    const uint64_t rest_bits = numbers[i] - kLeast[token];
    const unsigned count = scratch.state_bit_counts[i];
    if (count + rest <= kBitsOfLoad - 1) {
      writer->Put(scratch.state_bits[i] | rest_bits << count, count + rest);
      continue;
    }
    writer->Put(scratch.state_bits[i], count);
    writer->Put(rest_bits & MaskOf(32), 32);
    writer->Put(rest_bits >> 32, rest - 32);
  }
}

}  // namespace

size_t TokenPlan::Make(std::span<const uint64_t> numbers) {
  if (numbers.size() < kNumbersMin) return SIZE_MAX;
  counts_.fill(0);
  for (const uint64_t number : numbers) ++counts_[TokenOf(number)];
  log_ = LogFor(numbers.size());
  first_ = 0;
  while (counts_[first_] == 0) ++first_;
  end_ = kTokens;
  while (counts_[end_ - 1] == 0) --end_;
  uint32_t used = 0;
  for (unsigned token = first_; token < end_; ++token) {
    classes_[token] = ClassOf(counts_[token]);
    used += counts_[token] != 0;
  }
  if (used > 1U << (log_ - 1)) return SIZE_MAX;
  Scale(classes_, first_, end_, log_, &frequencies_);
  return CostBits();
}

size_t TokenPlan::CostBits() const {
  static const auto kLog2 = [] {
    std::array<float, (1 << kLogMax) + 1> logs{};
    for (size_t i = 1; i < logs.size(); ++i) logs[i] = std::log2(static_cast<float>(i));
    return logs;
  }();
  size_t table = kLogBits + kTokenBits + kClassBits + GammaBits(end_ - first_) + 2 * log_ + 8;
  float bits = 0;
  for (unsigned token = first_; token < end_; ++token) {
    if (token != first_) table += GammaBits(StepOf(classes_[token - 1], classes_[token]));
    bits += static_cast<float>(counts_[token]) *
            (static_cast<float>(log_ + RestBits(token)) - kLog2[frequencies_[token]]);
  }
  return table + static_cast<size_t>(bits);
}

void TokenPlan::Append(std::span<const uint64_t> numbers, ByteSink* sink) const {
  BitWriter writer(sink->Room(CostBits() / 8 + numbers.size() / 2 + 64));
  writer.Put(log_ - kLogMin, kLogBits);
  writer.Put(first_, kTokenBits);
  writer.PutGamma(end_ - first_);
  writer.Put(classes_[first_], kClassBits);
  for (unsigned token = first_ + 1; token < end_; ++token) {
    writer.PutGamma(StepOf(classes_[token - 1], classes_[token]));
  }
  PutNumbers(numbers, Encoder(frequencies_, first_, end_, log_), log_, &writer);
  sink->Advance(writer.Finish());
}

bool ReadTokens(ByteSource* source, std::span<uint64_t> numbers) {
  Scratch& scratch = ThreadScratch();
  const size_t size = std::min(source->left(), numbers.size() * kBitsOfNumberMax / 8 + kSlack);
  scratch.padded.assign(source->rest().data(), size);
  scratch.padded.append(kSlack, '\0');
  BitReader bits(scratch.padded.data());
  Table table;
  if (!ReadTable(&bits, &table) || bits.bytes_read() > size) return false;
  MakeTransitions(table.frequencies, table.first, table.end, table.log, &scratch.transitions);
  const Transition* const transitions = scratch.transitions.data();
  auto even = static_cast<uint32_t>(bits.Take(table.log));
  auto odd = static_cast<uint32_t>(bits.Take(table.log));
  for (size_t i = 0; i < numbers.size();) {
    if (bits.bytes_read() > size) return false;
    const size_t end = std::min(numbers.size(), i + kStride);
    for (; i + 1 < end; i += 2) {
      numbers[i] = TakeNumber(transitions[even], &even, &bits);
      numbers[i + 1] = TakeNumber(transitions[odd], &odd, &bits);
    }
    if (i < end) {
      numbers[i] = TakeNumber(transitions[even], &even, &bits);
      ++i;
    }
  }
  std::string_view read;
  // The writer began where the reader ends.
  return even == 0 && odd == 0 && bits.bytes_read() <= size &&
         source->Bytes(bits.bytes_read(), &read);
}

}  // namespace baro::codec
