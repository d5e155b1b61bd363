// The one door between JavaScript and the kernels (Node-API). Calls only queue work; whoever waits holds a promise.
#include <cstring>
#include <memory>
#include <string>

#define NAPI_VERSION 8
#include <node_api.h>

#include "cpu.h"
#include "executor.h"
#include "quantised.h"
#include "table.h"

namespace hone {
namespace {

/** Carried from the executor's thread to the JavaScript thread. */
struct Settled {
  napi_deferred deferred;
  napi_ref value;  // what the promise resolves with, kept alive meanwhile
  bool failed = false;
  Failure failure;
};

/** A backend as JavaScript holds it. */
struct Context {
  napi_env env;
  std::unique_ptr<Executor> executor;
  napi_threadsafe_function deliver = nullptr;
  int waiting = 0;  // promises not yet settled: only they keep the process alive

  void stop() {
    if (!executor) return;
    executor.reset();
    napi_release_threadsafe_function(deliver, napi_tsfn_release);
  }
};

constexpr napi_type_tag programTag = {0x9d1c0f5b3e7a4c21, 0x86f2a9d4c7e15b30};

void stopOnExit(void* data) { ((Context*)data)->stop(); }

napi_value text(napi_env env, const std::string& s) {
  napi_value value;
  napi_create_string_utf8(env, s.c_str(), s.size(), &value);
  return value;
}

void settle(napi_env env, napi_value, void* contextData, void* data) {
  std::unique_ptr<Settled> settled((Settled*)data);
  if (!env) return;
  Context* context = (Context*)contextData;
  napi_value value;
  napi_get_reference_value(env, settled->value, &value);
  napi_delete_reference(env, settled->value);
  if (settled->failed) {
    napi_value error;
    napi_create_error(env, text(env, settled->failure.code), text(env, settled->failure.message), &error);
    napi_reject_deferred(env, settled->deferred, error);
  } else napi_resolve_deferred(env, settled->deferred, value);
  if (--context->waiting == 0 && context->executor) napi_unref_threadsafe_function(env, context->deliver);
}

napi_value fail(napi_env env, const char* message) {
  napi_throw_type_error(env, "E_NATIVE", message);
  return nullptr;
}

/** The arguments of a call, the first of which is the context. */
struct Call {
  napi_env env;
  napi_value args[8];
  size_t count = 8;
  Context* context = nullptr;

  Call(napi_env e, napi_callback_info info) : env(e) {
    napi_get_cb_info(e, info, &count, args, nullptr, nullptr);
    napi_valuetype type = napi_undefined;
    if (count > 0) napi_typeof(e, args[0], &type);
    if (type == napi_external) napi_get_value_external(e, args[0], (void**)&context);
    if (!context) napi_throw_type_error(e, "E_NATIVE", "not a backend");
    else if (!context->executor) {
      context = nullptr;
      napi_throw_error(e, "E_CLOSED", "the backend was closed");
    }
  }
  double number(size_t i) const {
    double value = 0;
    if (i < count) napi_get_value_double(env, args[i], &value);
    return value;
  }
  int64_t whole(size_t i) const {
    const double value = number(i);
    return value >= -9007199254740992.0 && value <= 9007199254740992.0 ? (int64_t)value : -1;
  }
  /** A typed array's memory; false if it is none. */
  bool array(size_t i, void** data, size_t* length, napi_typedarray_type* type) const {
    bool is = false;
    if (i < count) napi_is_typedarray(env, args[i], &is);
    return is && napi_get_typedarray_info(env, args[i], type, length, data, nullptr, nullptr) == napi_ok;
  }
  std::string string(size_t i) const {
    size_t size = 0;
    if (i >= count || napi_get_value_string_utf8(env, args[i], nullptr, 0, &size) != napi_ok) return "";
    std::string s(size, '\0');
    napi_get_value_string_utf8(env, args[i], &s[0], size + 1, &size);
    return s;
  }
  /** A promise of `value`, and the reply that settles it. */
  napi_value promise(napi_value value, Reply* reply) const {
    auto* settled = new Settled();
    napi_value result;
    napi_create_promise(env, &settled->deferred, &result);
    napi_create_reference(env, value, 1, &settled->value);
    if (context->waiting++ == 0) napi_ref_threadsafe_function(env, context->deliver);
    napi_threadsafe_function deliver = context->deliver;
    *reply = [settled, deliver](const Failure* failure) {
      if (failure) {
        settled->failed = true;
        settled->failure = *failure;
      }
      // While the environment goes down nobody waits any more.
      if (napi_call_threadsafe_function(deliver, settled, napi_tsfn_blocking) != napi_ok) delete settled;
    };
    return result;
  }
};

int widthOf(napi_typedarray_type type) { return type == napi_uint16_array ? 2 : type == napi_float32_array || type == napi_int32_array ? 4 : 0; }

napi_value open(napi_env env, napi_callback_info info) {
  napi_value args[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  int32_t threads = 0;
  char isa[32] = "";
  size_t length;
  if (count < 2 || napi_get_value_int32(env, args[0], &threads) != napi_ok || threads < 1 || threads > 1024 || napi_get_value_string_utf8(env, args[1], isa, sizeof isa, &length) != napi_ok)
    return fail(env, "open(threads, isa): expected 1 … 1024 threads and the name of an instruction set");
  for (const KernelSet* set : kernelSets()) {
    if (std::strcmp(set->isa, isa) != 0) continue;
    auto* context = new Context();
    context->env = env;
    napi_value name = text(env, "hone"), external;
    napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, context, settle, &context->deliver);
    napi_unref_threadsafe_function(env, context->deliver);
    context->executor = std::make_unique<Executor>(*set, threads);
    // Hooks run last in, first out: this one before the function above is torn down.
    napi_add_env_cleanup_hook(env, stopOnExit, context);
    napi_create_external(env, context, [](napi_env e, void* data, void*) {
      napi_remove_env_cleanup_hook(e, stopOnExit, data);
      ((Context*)data)->stop();
      delete (Context*)data;
    }, nullptr, &external);
    return external;
  }
  return fail(env, "open: this processor has no such instruction set");
}

napi_value close(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (call.context) call.context->stop();
  return nullptr;
}

napi_value enqueue(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  const int64_t opcode = call.whole(1);
  void* data;
  size_t length;
  napi_typedarray_type type;
  if (opcode < 0 || opcode >= kernelCount) return fail(env, "enqueue: unknown kernel");
  const KernelSpec& spec = kernelTable()[(size_t)opcode];
  if (!call.array(2, &data, &length, &type) || type != napi_float64_array || length < spec.buffers.size() + spec.numbers.size()) return fail(env, "enqueue: expected a Float64Array of all buffers and numbers");
  Command command;
  command.type = Command::kernel;
  command.call.opcode = (int)opcode;
  memcpy(command.call.args, data, (spec.buffers.size() + spec.numbers.size()) * sizeof(double));
  call.context->executor->enqueue(std::move(command));
  return nullptr;
}

using Calls = std::shared_ptr<const std::vector<KernelCall>>;

/** program(context, numbers) → a list of kernels to replay: for each its opcode and then its arguments, as `enqueue` takes them. */
napi_value program(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  void* data;
  size_t length;
  napi_typedarray_type type;
  if (!call.array(1, &data, &length, &type) || type != napi_float64_array) return fail(env, "program: expected a Float64Array");
  auto calls = std::make_shared<std::vector<KernelCall>>();
  const double *at = (const double*)data, *end = at + length;
  while (at < end) {
    KernelCall next;
    if (!(*at >= 0 && *at < kernelCount)) return fail(env, "program: unknown kernel");
    next.opcode = (int)*at++;
    const KernelSpec& spec = kernelTable()[(size_t)next.opcode];
    const size_t count = spec.buffers.size() + spec.numbers.size();
    if ((size_t)(end - at) < count) return fail(env, "program: the last kernel's arguments are missing");
    memcpy(next.args, at, count * sizeof(double));
    at += count;
    calls->push_back(next);
  }
  napi_value external;
  napi_create_external(env, new Calls(std::move(calls)), [](napi_env, void* held, void*) { delete (Calls*)held; }, nullptr, &external);
  napi_type_tag_object(env, external, &programTag);
  return external;
}

/** replay(context, program) */
napi_value replay(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  bool is = false;
  void* held = nullptr;
  if (call.count < 2 || napi_check_object_type_tag(env, call.args[1], &programTag, &is) != napi_ok || !is) return fail(env, "replay: expected a program");
  napi_get_value_external(env, call.args[1], &held);
  Command command;
  command.type = Command::replay;
  command.program = *(Calls*)held;
  call.context->executor->enqueue(std::move(command));
  return nullptr;
}

/** alloc(context, id, dtype, length, length of the rows of a quantised buffer) */
napi_value alloc(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  const int64_t dtype = call.whole(2);
  Command command;
  command.type = Command::allocate;
  command.buffer = call.whole(1);
  command.length = call.whole(3);
  if (command.buffer <= 0 || dtype < 0 || dtype > NF4 || command.length < 0 || command.length > (1LL << 46)) return fail(env, "alloc: expected an id, a dtype and a length");
  if (isQuantised((DType)dtype)) {
    command.offset = call.whole(4);
    if (command.offset <= 0 || command.offset % quantisedWidth != 0 || command.length % command.offset != 0) return fail(env, "alloc: a quantised buffer has whole rows, a multiple of 32 long");
  }
  command.dtype = (DType)dtype;
  call.context->executor->enqueue(std::move(command));
  return nullptr;
}

napi_value release(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  Command command;
  command.type = Command::release;
  command.buffer = call.whole(1);
  call.context->executor->enqueue(std::move(command));
  return nullptr;
}

/** write(context, id, offset, width of the buffer's elements, values) */
napi_value write(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  void* data;
  size_t length;
  napi_typedarray_type type;
  if (!call.array(4, &data, &length, &type) || widthOf(type) == 0 || widthOf(type) != call.whole(3)) return fail(env, "write: the values' type is not the buffer's");
  Command command;
  command.type = Command::write;
  command.buffer = call.whole(1);
  command.offset = call.whole(2);
  command.length = (int64_t)length;
  const size_t bytes = length * (size_t)widthOf(type);
  command.source.reset(new (std::nothrow) char[bytes + 1]);
  if (!command.source) return fail(env, "write: out of memory");
  if (bytes > 0) memcpy(command.source.get(), data, bytes);
  call.context->executor->enqueue(std::move(command));
  return nullptr;
}

/** read(context, id, offset, width of the buffer's elements, values) → promise of the values */
napi_value read(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  size_t length;
  napi_typedarray_type type;
  Command command;
  if (!call.array(4, &command.target, &length, &type) || widthOf(type) == 0 || widthOf(type) != call.whole(3)) return fail(env, "read: the values' type is not the buffer's");
  command.type = Command::read;
  command.buffer = call.whole(1);
  command.offset = call.whole(2);
  command.length = (int64_t)length;
  napi_value promise = call.promise(call.args[4], &command.reply);
  call.context->executor->enqueue(std::move(command));
  return promise;
}

/** load(context, id, offset, path, fileOffset, dtype, length) → promise */
napi_value load(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  const int64_t dtype = call.whole(5);
  Command command;
  command.type = Command::load;
  command.buffer = call.whole(1);
  command.offset = call.whole(2);
  command.path = call.string(3);
  command.fileOffset = call.whole(4);
  command.length = call.whole(6);
  if (dtype < 0 || dtype > I32 || command.fileOffset < 0 || command.length < 0) return fail(env, "load: expected an id, an offset, a path, its offset, a dtype and a length");
  command.dtype = (DType)dtype;
  napi_value promise = call.promise(call.args[0], &command.reply);
  call.context->executor->enqueue(std::move(command));
  return promise;
}

napi_value idle(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  Command command;
  command.type = Command::idle;
  napi_value promise = call.promise(call.args[0], &command.reply);
  call.context->executor->enqueue(std::move(command));
  return promise;
}

/** profile(context, times) → promise of `times`, filled when the next call of this ends it; without times it only ends. */
napi_value profile(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  Command command;
  command.type = Command::profile;
  napi_value promise = nullptr;
  if (call.count > 1) {
    if (!call.array(1, &command.target, &length, &type) || type != napi_float64_array) return fail(env, "profile: expected a Float64Array");
    command.length = (int64_t)length;
    promise = call.promise(call.args[1], &command.reply);
  }
  call.context->executor->enqueue(std::move(command));
  return promise;
}

/** Bytes that the backend has taken from the system. */
napi_value memory(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.context) return nullptr;
  napi_value value;
  napi_create_double(env, (double)call.context->executor->heldMemory(), &value);
  return value;
}

napi_value cancel(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (call.context) call.context->executor->cancel();
  return nullptr;
}

napi_value names(napi_env env, const std::vector<std::string>& list) {
  napi_value array;
  napi_create_array(env, &array);
  for (size_t i = 0; i < list.size(); i++) napi_set_element(env, array, (uint32_t)i, text(env, list[i]));
  return array;
}

/** The table, as [{ name, buffers, numbers }], with '?' behind optional buffers. */
napi_value table(napi_env env) {
  napi_value array;
  napi_create_array(env, &array);
  uint32_t at = 0;
  for (const KernelSpec& spec : kernelTable()) {
    std::vector<std::string> buffers, numbers;
    for (const BufferSpec& buffer : spec.buffers) buffers.push_back(std::string(buffer.name) + (buffer.optional ? "?" : ""));
    for (const char* number : spec.numbers) numbers.push_back(number);
    napi_value entry;
    napi_create_object(env, &entry);
    napi_set_named_property(env, entry, "name", text(env, spec.name));
    napi_set_named_property(env, entry, "buffers", names(env, buffers));
    napi_set_named_property(env, entry, "numbers", names(env, numbers));
    napi_set_element(env, array, at++, entry);
  }
  return array;
}

}  // namespace
}  // namespace hone

extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  using namespace hone;
  const struct {
    const char* name;
    napi_callback call;
  } doors[] = {{"open", open}, {"close", close}, {"enqueue", enqueue}, {"alloc", alloc}, {"free", release}, {"write", write}, {"read", read}, {"load", load}, {"idle", idle}, {"cancel", cancel}, {"profile", profile}, {"program", program}, {"replay", replay}, {"memory", memory}};
  for (const auto& door : doors) {
    napi_value function;
    napi_create_function(env, door.name, NAPI_AUTO_LENGTH, door.call, nullptr, &function);
    napi_set_named_property(env, exports, door.name, function);
  }
  std::vector<std::string> isas;
  for (const KernelSet* set : kernelSets()) isas.push_back(set->isa);
  napi_set_named_property(env, exports, "isas", names(env, isas));
  napi_set_named_property(env, exports, "kernels", table(env));
  return exports;
}
