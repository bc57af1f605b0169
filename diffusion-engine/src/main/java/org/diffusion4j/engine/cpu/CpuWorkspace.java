package org.diffusion4j.engine.cpu;

import static org.diffusion4j.engine.cpu.OneDnn.check;

import java.nio.FloatBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.graph.Call;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.graph.Storage;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.graph.Workspace;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A block of native memory, and the kernels of a program bound to it. */
final class CpuWorkspace implements Workspace {

  private static final long ALIGNMENT = 64;

  private final INDArray arena;
  private final long start;
  private final dnnl_stream stream = OneDnn.stream();
  private final Deque<Runnable> closers = new ArrayDeque<>();
  private final Map<Storage, INDArray> apart = new HashMap<>();
  private final Map<Integer, float[]> heap = new HashMap<>();
  private final Weights weights;
  private final INDArray gradient;
  private final long[] callerAddresses;
  private List<Runnable> steps = List.of();
  private Call call = Call.FORWARD;
  private int firstSample;

  /** A workspace that has only scratch memory. */
  CpuWorkspace(long scratchFloats) {
    this(scratchFloats, 0, 0, new Weights(Map.of(), Map.of()));
  }

  /**
   * @param arenaFloats size of the arena
   * @param gradientFloats size of the gradient of all weights, or 0
   * @param arrays number of the caller's arrays
   */
  CpuWorkspace(long arenaFloats, long gradientFloats, int arrays, Weights weights) {
    arena =
        Nd4j.createUninitialized(
            DataType.FLOAT, Math.max(1, arenaFloats) + ALIGNMENT / Float.BYTES);
    long address = Address.of(arena);
    start = (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    gradient = Nd4j.createUninitialized(DataType.FLOAT, Math.max(1, gradientFloats));
    Address.touch(arena);
    Address.touch(gradient);
    callerAddresses = new long[arrays];
    this.weights = weights;
  }

  /** Sets the operations of a run, each bound to this memory. */
  void steps(List<Runnable> bound) {
    steps = List.copyOf(bound);
  }

  @Override
  public void run(Call ofCall, int first) {
    call = ofCall;
    firstSample = first;
    try {
      for (Runnable step : steps) {
        step.run();
      }
    } finally {
      call = Call.FORWARD;
    }
  }

  int firstSample() {
    return firstSample;
  }

  Losses losses() {
    return Objects.requireNonNull(call.losses(), "losses");
  }

  DropoutMasks masks() {
    return Objects.requireNonNull(call.masks(), "masks");
  }

  dnnl_stream stream() {
    return stream;
  }

  /** The address of the scratch memory of a workspace without values. */
  long scratchAddress() {
    return start;
  }

  long address(Storage storage) {
    return switch (storage.kind()) {
      case ARENA -> start + storage.offset() * Float.BYTES;
      case WEIGHT -> Address.of(weights.array(storage.weight()));
      case GRADIENT -> Address.of(gradient) + weights.offset(storage.weight()) * Float.BYTES;
      case APART -> throw new IllegalStateException(storage.weight() + " is not FLOAT");
    };
  }

  long address(Value value) {
    return value.storage().kind() == Storage.Kind.APART
        ? Address.of(array(value, value.length()))
        : address(value.storage());
  }

  FloatBuffer floats(Value value) {
    return Address.floats(address(value), value.length());
  }

  @Nullable FloatBuffer floatsOrNull(@Nullable Value value) {
    return value == null ? null : floats(value);
  }

  /** A value as an array in C order that uses the workspace's memory. */
  INDArray array(Value value, long... shape) {
    return switch (value.storage().kind()) {
      case ARENA -> Address.view(arena, (address(value) - Address.of(arena)) / Float.BYTES, shape);
      case WEIGHT -> weights.array(value.storage().weight()).reshape('c', shape);
      case GRADIENT -> Address.view(gradient, weights.offset(value.storage().weight()), shape);
      case APART ->
          apart
              .computeIfAbsent(
                  value.storage().root(),
                  s -> Nd4j.createUninitialized(value.type(), value.length()))
              .reshape('c', shape);
    };
  }

  @Override
  public INDArray gradient() {
    return gradient;
  }

  /**
   * A Java array of at least the given length, as temporary memory of a kernel; other kernels
   * overwrite it.
   */
  float[] heap(int slot, long length) {
    float[] array = heap.get(slot);
    if (array == null || array.length < length) {
      array = new float[Math.toIntExact(length)];
      heap.put(slot, array);
    }
    return array;
  }

  @Override
  public void caller(int index, long address) {
    callerAddresses[index] = address;
  }

  long caller(int index) {
    return callerAddresses[index];
  }

  dnnl_memory memory(Desc desc, long address) {
    dnnl_memory memory = new dnnl_memory();
    check(
        dnnl.dnnl_memory_create(memory, desc.handle(), OneDnn.engine(), Address.of(address)),
        "memory");
    own(() -> dnnl.dnnl_memory_destroy(memory));
    return memory;
  }

  /** Registers something to be freed with the workspace. */
  void own(Runnable closer) {
    closers.push(closer);
  }

  @Override
  public void close() {
    closers.forEach(Runnable::run);
    closers.clear();
    dnnl.dnnl_stream_destroy(stream);
    apart.values().forEach(INDArray::close);
    gradient.close();
    arena.close();
  }
}
