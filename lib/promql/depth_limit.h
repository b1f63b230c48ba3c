// How deep a query may nest on the thread that reads it.
#pragma once

namespace baro::promql {

// kDepthMax, or less when the calling thread has a small stack or has used much of it. Every walk
// of a tree recurses, and all of them run on the thread that parsed it.
int DepthLimit();

}  // namespace baro::promql
