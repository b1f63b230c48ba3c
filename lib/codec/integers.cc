#include "integers.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tokens.h"

namespace baro::codec {
namespace {

constexpr size_t kBlock = 64;
constexpr uint8_t kConstantStep = 3;  // in the place of an order
constexpr uint8_t kTokenOrders = 4;   // + order: the residuals are tokens
constexpr uint8_t kHasExceptions = 0x80;
constexpr unsigned kWidthMax = 64;

unsigned WidthOf(uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }

// How a block is written: each residual as zigzag(residual - centre) in `width` bits; what does not
// fit has its upper bits told apart.
struct BlockPlan {
  uint64_t centre = 0;
  unsigned width = 0;
  bool exceptions = false;
  size_t cost_bits = 0;
};

// The width that costs least, from the number of residuals of each width (Zukowski et al., "patched
// frame of reference", ICDE 2006).
BlockPlan PlanWidth(std::span<const uint64_t> block, uint64_t centre) {
  std::array<uint8_t, kWidthMax + 1> count_of_width{};
  unsigned widest = 0;
  for (const uint64_t residual : block) {
    const unsigned width = WidthOf(ZigZag(residual - centre));
    ++count_of_width[width];
    widest = std::max(widest, width);
  }
  constexpr size_t kExceptionBits = 12;  // the index, and about half a varint byte lost to rounding
  BlockPlan best{centre, widest, false, block.size() * widest};
  size_t exceptions = 0;
  size_t upper_bits = 0;
  for (unsigned width = widest; width-- > 0;) {
    exceptions += count_of_width[width + 1];
    if (exceptions * 4 > block.size()) break;
    upper_bits += exceptions;
    const size_t cost = 8 + block.size() * width + exceptions * kExceptionBits + upper_bits * 8 / 7;
    if (cost < best.cost_bits) best = {centre, width, true, cost};
  }
  return best;
}

// The median of a few residuals: where most of them lie, whatever the outliers.
uint64_t SampledMedian(std::span<const uint64_t> block) {
  std::array<int64_t, 5> sample;
  for (size_t i = 0; i < sample.size(); ++i) {
    sample[i] = static_cast<int64_t>(block[(2 * i + 1) * block.size() / (2 * sample.size())]);
  }
  std::sort(sample.begin(), sample.end());
  return static_cast<uint64_t>(sample[sample.size() / 2]);
}

// Midway between the least and the greatest is best without outliers, the median with them.
BlockPlan PlanBlock(std::span<const uint64_t> block) {
  auto least = static_cast<int64_t>(block[0]);
  auto greatest = least;
  for (const uint64_t residual : block) {
    least = std::min(least, static_cast<int64_t>(residual));
    greatest = std::max(greatest, static_cast<int64_t>(residual));
  }
  const uint64_t range = static_cast<uint64_t>(greatest) - static_cast<uint64_t>(least);
  BlockPlan plan = PlanWidth(block, static_cast<uint64_t>(least) + (range + 1) / 2);
  if (range < 8) return plan;
  const uint64_t median = SampledMedian(block);
  const uint64_t from_least = median - static_cast<uint64_t>(least);
  if (from_least < range / 4 || from_least > range - range / 4) {
    const BlockPlan other = PlanWidth(block, median);
    if (other.cost_bits < plan.cost_bits) plan = other;
  }
  return plan;
}

// Residuals of one order and how its blocks are written.
struct Stream {
  uint8_t order = 0;
  std::vector<uint64_t> residuals;
  std::vector<BlockPlan> blocks;
  size_t cost_bits = 0;
  size_t first_bits = 0;  // of the integers that the residuals start from
};

std::span<const uint64_t> BlockOf(const Stream& stream, size_t block) {
  const auto all = std::span(stream.residuals).subspan(block * kBlock);
  return all.first(std::min(kBlock, all.size()));
}

void Plan(Stream* stream) {
  stream->cost_bits = 0;
  stream->blocks.clear();
  uint64_t centre = 0;
  for (size_t begin = 0; begin < stream->residuals.size(); begin += kBlock) {
    const BlockPlan plan = PlanBlock(BlockOf(*stream, begin / kBlock));
    stream->cost_bits += 8 + 8 * VarintSize(ZigZag(plan.centre - centre)) + plan.cost_bits;
    centre = plan.centre;
    stream->blocks.push_back(plan);
  }
}

// Packs the lower `width` bits of each residual, first one lowest.
char* Pack(std::span<const uint64_t> block, const BlockPlan& plan, char* out) {
  if (plan.width == 0) return out;
  const uint64_t mask = ~uint64_t{0} >> (kWidthMax - plan.width);
  uint64_t word = 0;
  unsigned filled = 0;
  for (const uint64_t residual : block) {
    const uint64_t low = ZigZag(residual - plan.centre) & mask;
    word |= low << filled;
    filled += plan.width;
    if (filled < kWidthMax) continue;
    std::memcpy(out, &word, sizeof(word));
    out += sizeof(word);
    filled -= kWidthMax;
    word = filled == 0 ? 0 : low >> (plan.width - filled);
  }
  std::memcpy(out, &word, sizeof(word));
  return out + (filled + 7) / 8;
}

void AppendBlock(std::span<const uint64_t> block, const BlockPlan& plan, uint64_t centre_before,
                 ByteSink* sink) {
  char* out = sink->Room(2 + 2 * kVarintBytesMax + (kBlock + 1) * sizeof(uint64_t) +
                         kBlock * (1 + kVarintBytesMax));
  *out++ = static_cast<char>(plan.width | (plan.exceptions ? kHasExceptions : 0));
  out = PutVarint(out, ZigZag(plan.centre - centre_before));
  out = Pack(block, plan, out);
  if (plan.exceptions) {
    char* const count = out++;
    *count = 0;
    for (size_t i = 0; i < block.size(); ++i) {
      const uint64_t upper = ZigZag(block[i] - plan.centre) >> plan.width;
      if (upper == 0) continue;
      *out++ = static_cast<char>(i);
      out = PutVarint(out, upper);
      ++*count;
    }
  }
  sink->Advance(out);
}

void Differentiate(std::span<const uint64_t> from, std::vector<uint64_t>* to) {
  to->resize(from.size() - 1);
  for (size_t i = 0; i + 1 < from.size(); ++i) (*to)[i] = from[i + 1] - from[i];
}

// The integers that the residuals start from.
void AppendFirst(const Stream& stream, std::span<const uint64_t> integers, ByteSink* sink) {
  if (stream.order >= 1) sink->Varint(ZigZag(integers[0]));
  if (stream.order >= 2) sink->Varint(ZigZag(integers[1] - integers[0]));
}

// A stream as tokens: residuals as they differ from their median, sign folded in.
struct TokenStream {
  uint64_t centre = 0;
  std::vector<uint64_t> numbers;
  TokenPlan plan;
  size_t cost_bits = SIZE_MAX;
};

// The median of up to 33 residuals.
uint64_t MedianOfSome(std::span<const uint64_t> residuals) {
  std::array<int64_t, 33> some;
  const size_t count = std::min(residuals.size(), some.size());
  for (size_t i = 0; i < count; ++i) {
    some[i] = static_cast<int64_t>(residuals[i * residuals.size() / count]);
  }
  const auto middle = some.begin() + static_cast<ptrdiff_t>(count / 2);
  std::nth_element(some.begin(), middle, some.begin() + static_cast<ptrdiff_t>(count));
  return static_cast<uint64_t>(*middle);
}

void PlanTokens(const Stream& stream, TokenStream* tokens) {
  auto& numbers = tokens->numbers;
  numbers = stream.residuals;
  if (numbers.empty()) return;
  tokens->centre = MedianOfSome(stream.residuals);
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = ZigZag(stream.residuals[i] - tokens->centre);
  }
  const size_t cost_bits = tokens->plan.Make(numbers);
  if (cost_bits == SIZE_MAX) return;
  tokens->cost_bits = cost_bits + 8 * VarintSize(ZigZag(tokens->centre)) + stream.first_bits;
}

// False, with nothing written, when no order can be written as tokens.
bool AppendAsTokens(std::span<const Stream> streams, std::span<const uint64_t> integers,
                    ByteSink* sink) {
  thread_local std::array<TokenStream, 3> all;
  size_t best = 0;
  for (size_t order = 0; order < streams.size(); ++order) {
    all[order].cost_bits = SIZE_MAX;
    PlanTokens(streams[order], &all[order]);
    if (all[order].cost_bits < all[best].cost_bits) best = order;
  }
  if (all[best].cost_bits == SIZE_MAX) return false;
  sink->Byte(static_cast<uint8_t>(kTokenOrders + best));
  AppendFirst(streams[best], integers, sink);
  sink->Varint(ZigZag(all[best].centre));
  all[best].plan.Append(all[best].numbers, sink);
  return true;
}

void AppendPacked(std::span<Stream> streams, std::span<const uint64_t> integers, ByteSink* sink) {
  const Stream* best = nullptr;
  for (Stream& stream : streams) {
    Plan(&stream);
    stream.cost_bits += stream.first_bits;
    if (best == nullptr || stream.cost_bits < best->cost_bits) best = &stream;
  }
  sink->Byte(best->order);
  AppendFirst(*best, integers, sink);
  uint64_t centre = 0;
  for (size_t block = 0; block < best->blocks.size(); ++block) {
    AppendBlock(BlockOf(*best, block), best->blocks[block], centre, sink);
    centre = best->blocks[block].centre;
  }
}

std::array<Stream, 3>& Scratch() {
  thread_local std::array<Stream, 3> scratch;
  return scratch;
}

// Reads `width` bits a value. Requires (count * width + 7) / 8 bytes.
void Unpack(const char* packed, unsigned width, std::span<uint64_t> block) {
  const uint64_t mask = ~uint64_t{0} >> (kWidthMax - width);
  size_t bit = 0;
  if (width <= 57) {  // 7 bits of a byte, and all of the value, are in one word
    for (uint64_t& value : block) {
      uint64_t word;
      std::memcpy(&word, packed + bit / 8, sizeof(word));
      value = (word >> (bit % 8)) & mask;
      bit += width;
    }
    return;
  }
  for (uint64_t& value : block) {
    uint64_t word;
    std::memcpy(&word, packed + bit / 8, sizeof(word));
    const auto upper = uint64_t{static_cast<uint8_t>(packed[bit / 8 + sizeof(word)])};
    const unsigned shift = bit % 8;
    value = ((word >> shift) | (shift == 0 ? 0 : upper << (kWidthMax - shift))) & mask;
    bit += width;
  }
}

bool ReadExceptions(ByteSource* source, unsigned width, std::span<uint64_t> block) {
  uint8_t count = 0;
  if (width == kWidthMax || !source->Byte(&count)) return false;
  for (; count != 0; --count) {
    uint8_t index = 0;
    uint64_t upper = 0;
    if (!source->Byte(&index) || index >= block.size() || !source->Varint(&upper)) return false;
    block[index] |= upper << width;
  }
  return true;
}

bool ReadBlock(ByteSource* source, uint64_t* centre, std::span<uint64_t> block) {
  uint8_t head = 0;
  uint64_t moved = 0;
  if (!source->Byte(&head) || !source->Varint(&moved)) return false;
  *centre += UnZigZag(moved);
  const unsigned width = head & ~kHasExceptions;
  std::string_view packed;
  if (width > kWidthMax || !source->Bytes((block.size() * width + 7) / 8, &packed)) return false;
  // Unpack reads up to 8 bytes beyond the last value; near the end it reads a copy.
  constexpr size_t kSlack = sizeof(uint64_t);
  std::array<char, kBlock * sizeof(uint64_t) + kSlack> copy;
  const char* from = packed.data();
  if (source->left() < kSlack) {
    if (!packed.empty()) std::memcpy(copy.data(), packed.data(), packed.size());
    std::memset(copy.data() + packed.size(), 0, kSlack);
    from = copy.data();
  }
  if (width == 0) {
    std::fill(block.begin(), block.end(), 0);
  } else {
    Unpack(from, width, block);
  }
  if ((head & kHasExceptions) && !ReadExceptions(source, width, block)) return false;
  for (uint64_t& value : block) value = UnZigZag(value) + *centre;
  return true;
}

bool ReadZigZag(ByteSource* source, uint64_t* value) {
  uint64_t coded = 0;
  if (!source->Varint(&coded)) return false;
  *value = UnZigZag(coded);
  return true;
}

bool ReadBlocks(ByteSource* source, std::span<uint64_t> residuals) {
  uint64_t centre = 0;
  for (size_t begin = 0; begin < residuals.size(); begin += kBlock) {
    const auto left = residuals.subspan(begin);
    if (!ReadBlock(source, &centre, left.first(std::min(kBlock, left.size())))) return false;
  }
  return true;
}

bool ReadTokenResiduals(ByteSource* source, std::span<uint64_t> residuals) {
  uint64_t centre = 0;
  if (!ReadZigZag(source, &centre) || !ReadTokens(source, residuals)) return false;
  for (uint64_t& residual : residuals) residual = UnZigZag(residual) + centre;
  return true;
}

void Integrate(std::span<uint64_t> integers) {
  uint64_t sum = integers[0];
  for (size_t i = 1; i < integers.size(); ++i) integers[i] = sum += integers[i];
}

}  // namespace

void AppendIntegers(std::span<const uint64_t> integers, Effort effort, ByteSink* sink) {
  if (integers.empty()) return;
  if (integers.size() == 1) return sink->Varint(ZigZag(integers[0]));
  auto& streams = Scratch();
  Differentiate(integers, &streams[1].residuals);
  const auto& steps = streams[1].residuals;
  if (std::all_of(steps.begin(), steps.end(), [&](uint64_t step) { return step == steps[0]; })) {
    sink->Byte(kConstantStep);
    sink->Varint(ZigZag(integers[0]));
    return sink->Varint(ZigZag(steps[0]));
  }
  streams[0].residuals.assign(integers.begin(), integers.end());
  Differentiate(steps, &streams[2].residuals);
  for (uint8_t order = 0; order < streams.size(); ++order) {
    streams[order].order = order;
    streams[order].first_bits = 0;
    if (order >= 1) streams[order].first_bits += 8 * VarintSize(ZigZag(integers[0]));
    if (order >= 2) streams[order].first_bits += 8 * VarintSize(ZigZag(steps[0]));
  }
  if (effort == Effort::kSmall && AppendAsTokens(streams, integers, sink)) return;
  AppendPacked(streams, integers, sink);
}

bool ReadIntegers(ByteSource* source, std::span<uint64_t> integers) {
  if (integers.empty()) return true;
  if (integers.size() == 1) return ReadZigZag(source, &integers[0]);
  uint8_t order = 0;
  if (!source->Byte(&order) || order >= kTokenOrders + 3) return false;
  const bool as_tokens = order >= kTokenOrders;
  if (as_tokens) order -= kTokenOrders;
  const size_t told = std::min<size_t>(order, 2);
  for (size_t i = 0; i < told; ++i) {
    if (!ReadZigZag(source, &integers[i])) return false;
  }
  if (order == kConstantStep) {
    const uint64_t step = integers[1];
    for (size_t i = 1; i < integers.size(); ++i) integers[i] = integers[i - 1] + step;
    return true;
  }
  const auto residuals = integers.subspan(told);
  if (!(as_tokens ? ReadTokenResiduals(source, residuals) : ReadBlocks(source, residuals))) {
    return false;
  }
  if (order == 2) Integrate(integers.subspan(1));
  if (order >= 1) Integrate(integers);
  return true;
}

}  // namespace baro::codec
