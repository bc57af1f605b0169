package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.function.IntToLongFunction;
import org.diffusion4j.engine.graph.Gather;
import org.diffusion4j.engine.graph.Value;
import org.nd4j.linalg.api.buffer.DataType;

/** The kernels that take rows of a table, and add to them. */
final class GatherKernel {

  private final String name;
  private final IntToLongFunction numbers;
  private final int count;
  private final int rows;
  private final int width;
  private final float[] row;
  private final float[] sum;

  private GatherKernel(Gather node, CpuWorkspace workspace) {
    name = node.rows().name();
    numbers = numbers(node.rows(), workspace.address(node.rows()));
    count = Math.toIntExact(node.rows().length());
    rows = Math.toIntExact(node.table().size(0));
    width = Math.toIntExact(node.table().length() / rows);
    row = new float[width];
    sum = new float[width];
  }

  static Kernel of(Gather node, KernelContext context) {
    return (workspace, scratch) -> {
      GatherKernel kernel = new GatherKernel(node, workspace);
      FloatBuffer from = workspace.floats(node.table());
      FloatBuffer to = workspace.floats(node.y());
      return () -> kernel.take(from, to);
    };
  }

  static Kernel gradient(Gather.Gradient node, KernelContext context) {
    return (workspace, scratch) -> {
      GatherKernel kernel = new GatherKernel(node.of(), workspace);
      FloatBuffer from = workspace.floats(node.dy());
      FloatBuffer to = workspace.floats(node.dTable());
      return () -> kernel.add(from, to);
    };
  }

  private void take(FloatBuffer from, FloatBuffer to) {
    for (int i = 0; i < count; i++) {
      from.get(number(i) * width, row);
      to.put(i * width, row);
    }
  }

  private void add(FloatBuffer from, FloatBuffer to) {
    Arrays.fill(row, 0);
    for (int i = 0; i < rows; i++) {
      to.put(i * width, row);
    }
    for (int i = 0; i < count; i++) {
      int at = number(i) * width;
      from.get(i * width, row);
      to.get(at, sum);
      Loops.add(sum, row, width);
      to.put(at, sum);
    }
  }

  private static IntToLongFunction numbers(Value rows, long address) {
    if (rows.type() == DataType.INT) {
      IntBuffer ints = Address.ints(address, rows.length());
      return ints::get;
    }
    LongBuffer longs = Address.longs(address, rows.length());
    return longs::get;
  }

  /** The number of a row. */
  private int number(int i) {
    long number = numbers.applyAsLong(i);
    if (number < 0 || number >= rows) {
      throw new IllegalArgumentException(
          name + " must be in [0, " + (rows - 1) + "] but was " + number);
    }
    return (int) number;
  }
}
