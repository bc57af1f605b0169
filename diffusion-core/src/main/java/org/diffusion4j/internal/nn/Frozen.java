package org.diffusion4j.internal.nn;

import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.graph.WeightSource;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Networks that only predict. Their graphs have no arrays for the weights; plans read them from
 * their files into the layouts of the kernels.
 *
 * <p>The thread that builds a network has the source of its weights, and {@link Layers} and {@link
 * GraphRunner} take it from here. As a parameter it would have to pass through every constructor
 * and public factory of every network.
 */
public final class Frozen {

  private static final ThreadLocal<@Nullable Frozen> CURRENT = new ThreadLocal<>();

  private final WeightSource source;
  private final AtomicInteger users = new AtomicInteger(1);

  private Frozen(WeightSource source) {
    this.source = source;
  }

  /** Whether graphs run as plans here, which frozen networks need. */
  public static boolean isPossible() {
    return CpuEngine.isAvailable() && !"session".equals(System.getProperty(GraphRunner.PROPERTY));
  }

  /**
   * Builds a network with frozen weights.
   *
   * @param source the weights of the network; closed with the last of its graphs
   * @param network builds the network on this thread, with any number of graphs
   */
  public static <T> T build(WeightSource source, Supplier<T> network) {
    Frozen outer = CURRENT.get();
    Frozen here = new Frozen(source);
    CURRENT.set(here);
    try {
      return network.get();
    } finally {
      CURRENT.set(outer);
      here.release();
    }
  }

  /** The same weights, for networks that do not close them. */
  public static WeightSource borrowed(WeightSource source) {
    return new Borrowed(source);
  }

  /** Whether this thread builds a network whose weights are frozen. */
  static boolean isBuilding() {
    return CURRENT.get() != null;
  }

  /** The weights for a graph of the network that this thread builds; null if they are its own. */
  static @Nullable WeightSource take() {
    Frozen current = CURRENT.get();
    if (current == null) {
      return null;
    }
    current.users.incrementAndGet();
    return current.new Use();
  }

  private void release() {
    if (users.decrementAndGet() == 0) {
      source.close();
    }
  }

  private static class Borrowed implements WeightSource {

    private final WeightSource from;

    Borrowed(WeightSource from) {
      this.from = from;
    }

    @Override
    public Map<String, long[]> shapes() {
      return from.shapes();
    }

    @Override
    public DataType type(String name) {
      return from.type(name);
    }

    @Override
    public void read(String name, Consumer<INDArray> use) {
      from.read(name, use);
    }

    @Override
    public void close() {}
  }

  /** The use of the weights by one graph. */
  private final class Use extends Borrowed {

    private final AtomicBoolean closed = new AtomicBoolean();

    Use() {
      super(source);
    }

    @Override
    public void close() {
      if (!closed.getAndSet(true)) {
        release();
      }
    }
  }
}
