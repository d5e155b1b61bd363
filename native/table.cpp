#include "table.h"

namespace hone {

namespace {
BufferSpec in(const char* name) { return {name, Kind::f32, false, false}; }
BufferSpec out(const char* name) { return {name, Kind::f32, true, false}; }
BufferSpec weight(const char* name) { return {name, Kind::weight, false, false}; }
BufferSpec blocks(const char* name) { return {name, Kind::blocks, false, false}; }
BufferSpec ids(const char* name) { return {name, Kind::ids, false, false}; }
BufferSpec idsOut(const char* name) { return {name, Kind::ids, true, false}; }
BufferSpec any(const char* name) { return {name, Kind::any, false, false}; }
BufferSpec anyOut(const char* name) { return {name, Kind::any, true, false}; }
BufferSpec maybe(BufferSpec spec) {
  spec.optional = true;
  return spec;
}
}  // namespace

const std::vector<KernelSpec>& kernelTable() {
  static const std::vector<KernelSpec> table = {
      {"fill", {anyOut("y")}, {"n", "value"}},
      {"copy", {any("x"), anyOut("y")}, {"n", "xOffset", "yOffset"}},
      {"axpy", {in("x"), out("y")}, {"n", "alpha"}},
      {"unary", {in("x"), out("y")}, {"n", "kind"}},
      {"unaryGrad", {in("x"), in("dy"), out("dx")}, {"n", "kind", "accumulate"}},
      {"binary", {weight("a"), weight("b"), out("y")}, {"n", "kind", "aLength", "aRepeat", "bLength", "bRepeat"}},
      {"sumRows", {in("x"), out("y")}, {"rows", "columns", "accumulate"}},
      {"sumColumns", {in("x"), out("y")}, {"rows", "columns", "accumulate"}},
      {"sumSquares", {in("x"), out("y")}, {"n", "index"}},
      {"gatherRows", {any("x"), ids("index"), anyOut("y")}, {"count", "width"}},
      {"scatterRows", {in("x"), ids("index"), out("y")}, {"count", "width"}},
      {"scatterAddRows", {in("x"), ids("index"), out("y")}, {"count", "width"}},
      {"sliceColumns", {in("x"), out("y")}, {"rows", "columns", "from", "count"}},
      {"addColumns", {in("x"), out("y")}, {"rows", "columns", "from", "count"}},
      {"matmul",
       {weight("a"), blocks("b"), out("y"), maybe(weight("bias"))},
       {"m", "n", "k", "transA", "transB", "accumulate", "alpha", "precision", "weight"}},
      {"rmsnorm", {in("x"), weight("w"), out("y"), out("rstd")}, {"rows", "width", "eps", "offset"}},
      {"rmsnormGrad",
       {in("x"), weight("w"), in("rstd"), in("dy"), out("dx"), maybe(out("dw"))},
       {"rows", "width", "offset", "accumulate"}},
      {"layernorm", {in("x"), weight("w"), weight("b"), out("y"), out("mean"), out("rstd")}, {"rows", "width", "eps"}},
      {"layernormGrad",
       {in("x"), weight("w"), in("mean"), in("rstd"), in("dy"), out("dx"), maybe(out("dw")), maybe(out("db"))},
       {"rows", "width", "accumulate"}},
      {"ropeTable", {ids("positions"), in("frequencies"), out("cos"), out("sin")}, {"rows", "half", "scale"}},
      {"rope", {in("x"), in("cos"), in("sin"), out("y")}, {"rows", "heads", "width", "half", "sign"}},
      {"attention",
       {in("q"), in("k"), in("v"), out("y"), out("lse"), ids("segments"), ids("spans")},
       {"segmentCount", "heads", "keyHeads", "width", "scale", "window", "softcap", "precision"}},
      {"attentionGrad",
       {in("q"), in("k"), in("v"), in("y"), in("lse"), in("dy"), out("dq"), out("dk"), out("dv"), ids("segments"),
        ids("spans")},
       {"segmentCount", "keyRows", "heads", "keyHeads", "width", "scale", "window", "softcap", "precision"}},
      {"gated", {in("gate"), in("up"), out("y")}, {"n", "kind"}},
      {"gatedGrad", {in("gate"), in("up"), in("dy"), out("dGate"), out("dUp")}, {"n", "kind"}},
      {"logprobs",
       {in("x"), blocks("w"), ids("targets"), out("y"), out("lse")},
       {"rows", "width", "vocab", "softcap", "precision"}},
      {"logprobsGrad",
       {in("x"), blocks("w"), ids("targets"), in("lse"), in("dy"), out("dx"), maybe(out("dw"))},
       {"rows", "width", "vocab", "softcap", "precision", "accumulate"}},
      {"logprobsWithGrad",
       {in("x"), blocks("w"), ids("targets"), in("dy"), out("y"), out("dx"), maybe(out("dw"))},
       {"rows", "width", "vocab", "softcap", "precision"}},
      {"logits", {in("x"), blocks("w"), out("y")}, {"rows", "width", "vocab", "softcap", "precision"}},
      {"logitsLogprobs", {in("logits"), ids("targets"), out("y")}, {"rows", "vocab"}},
      {"sampleTokens",
       {in("logits"), in("settings"), ids("topK"), ids("keys"), idsOut("tokens"), out("logprobs"), out("drawn")},
       {"rows", "vocab", "seedLow", "seedHigh"}},
      {"topTokens", {in("logits"), idsOut("tokens"), out("logprobs")}, {"rows", "vocab", "count"}},
      {"dropout",
       {in("x"), out("y"), ids("rowIds"), ids("positions")},
       {"rows", "width", "rate", "seedLow", "seedHigh", "stream"}},
      {"clipFactor", {in("sums"), out("y")}, {"count", "maxNorm"}},
      {"adamw",
       {out("p"), out("m"), out("v"), in("g"), in("factor")},
       {"n", "learningRate", "beta1", "beta2", "eps", "weightDecay", "step"}},
      {"sgd", {out("p"), maybe(out("m")), in("g"), in("factor")}, {"n", "learningRate", "momentum", "weightDecay"}},
      {"lion", {out("p"), out("m"), in("g"), in("factor")}, {"n", "learningRate", "beta1", "beta2", "weightDecay"}},
      {"multiplyAdds", {out("y")}, {"n", "steps", "precision"}},
      {"blockSums", {in("x"), out("y")}, {"n"}},
  };
  return table;
}

}  // namespace hone
