package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A frozen weight of 16 bits per value in the layout of a kernel. It is widened to floats in
 * temporary memory each time before the kernel runs.
 */
final class NarrowWeight extends PackedWeight {

  /** Of kernels' temporary memory, in floats: a cache line. */
  private static final int ALIGNMENT = 16;

  private final Weights weights;
  private final FrozenLayout from;
  private final Halves type;
  private @Nullable INDArray memory;

  /**
   * @param order the weight's dimension for each dimension of {@code to}
   * @param to of floats
   */
  NarrowWeight(Weights weights, Value weight, int[] order, Desc to) {
    super(weight.storage().weight(), to);
    this.weights = weights;
    from = new FrozenLayout(weights, weight, order);
    type = Halves.of(weights.storedType(name()));
  }

  private synchronized INDArray memory() {
    if (memory == null) {
      memory = Nd4j.createUninitialized(DataType.INT, Halves.words(desc().floats()));
    }
    return memory;
  }

  private IntBuffer words() {
    return Address.ints(Address.of(memory()), Halves.words(desc().floats()));
  }

  @Override
  public synchronized boolean isAllocated() {
    return memory != null;
  }

  @Override
  long scratch() {
    return (desc().floats() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  @Override
  long address(long scratch) {
    return scratch;
  }

  @Override
  Runnable used(long scratch, Runnable kernel) {
    long floats = desc().floats();
    IntBuffer words = words();
    FloatBuffer values = Address.floats(scratch, floats);
    IntBuffer bits = Address.ints(scratch, floats);
    return () -> {
      type.widen(words, values, bits);
      kernel.run();
    };
  }

  @Override
  void pack() {
    // One at a time, because each needs the memory of its floats for a moment.
    synchronized (weights) {
      try (INDArray wide = Nd4j.createUninitialized(DataType.FLOAT, desc().floats())) {
        long address = Address.of(wide);
        from.read(desc(), address);
        if (!type.narrow(Address.floats(address, wide.length()), words())) {
          throw new IllegalStateException("weights must be finite but " + name() + " is not");
        }
      }
    }
  }

  @Override
  public long bytes() {
    return Halves.words(desc().floats()) * Integer.BYTES;
  }

  @Override
  public synchronized void close() {
    if (memory != null) {
      memory.close();
    }
    super.close();
  }
}
