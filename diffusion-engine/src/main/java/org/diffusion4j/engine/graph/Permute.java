package org.diffusion4j.engine.graph;

import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Changes the order of dimensions.
 *
 * @param order dimension d of {@code y} is dimension {@code order[d]} of {@code x}
 */
public record Permute(String name, Value x, List<Integer> order, Value y) implements Node {

  public Permute {
    order = List.copyOf(order);
  }

  /** A permutation with a result in C order. */
  public static Permute of(String name, Value x, List<Integer> order) {
    long[] shape = order.stream().mapToLong(x::size).toArray();
    return new Permute(name, x, order, Value.plain(name, DataType.FLOAT, shape));
  }

  /** The result in the memory of the input, if it is stored as a value of its shape may be. */
  public @Nullable Value view() {
    long[] shape = y.shape();
    long[] strides = x.strides();
    long[] permuted = order.stream().mapToLong(d -> strides[d]).toArray();
    for (Value view : List.of(x.view(name, shape), x.activationView(name, shape))) {
      if (sameOrder(view.strides(), permuted, shape)) {
        return view;
      }
    }
    return null;
  }

  private static boolean sameOrder(long[] a, long[] b, long[] shape) {
    return IntStream.range(0, shape.length).allMatch(d -> shape[d] == 1 || a[d] == b[d]);
  }

  @Override
  public List<Value> inputs() {
    return List.of(x);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public boolean divisible() {
    return !x.isWeight() && order.get(0) == 0;
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = x.gradient();
    List<Integer> back = IntStream.range(0, order.size()).map(order::indexOf).boxed().toList();
    tape.add(new Permute(dx.name(), tape.gradientOf(y), back, dx));
    tape.contribute(x, dx);
  }
}
