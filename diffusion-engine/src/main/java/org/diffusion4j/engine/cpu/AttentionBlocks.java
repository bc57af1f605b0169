package org.diffusion4j.engine.cpu;

import java.util.Arrays;
import java.util.function.LongFunction;
import org.diffusion4j.engine.graph.Attention;
import org.diffusion4j.engine.graph.Matrices;
import org.diffusion4j.engine.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * The blocks in which an attention is computed, so that their scores stay in the cache: some rows
 * of one head or, if all rows fit, some heads. They do not depend on the number of samples.
 *
 * @param headsAtOnce a divisor of {@code heads}
 * @param rowsAtOnce of each block but the last of a head
 */
record AttentionBlocks(
    long samples, long heads, long rows, long columns, long headsAtOnce, long rowsAtOnce) {

  /** The number of scores of a block per thread, 2 MiB. */
  private static final long SCORES = 512 * 1024;

  /** The blocks of an attention; larger if several threads compute a block. */
  static AttentionBlocks of(Attention node) {
    long heads = node.q().dim(1);
    long rows = node.q().dim(2);
    long columns = node.k().dim(2);
    long limit = Math.max(1, SCORES * Math.max(1, OpenMp.threads()) / columns);
    long pieces = (rows + limit - 1) / limit;
    long headsAtOnce = Math.min(heads, Math.max(1, limit / rows));
    while (heads % headsAtOnce != 0) {
      headsAtOnce--;
    }
    long rowsAtOnce = (rows + pieces - 1) / pieces;
    return new AttentionBlocks(node.q().dim(0), heads, rows, columns, headsAtOnce, rowsAtOnce);
  }

  /** Work on the block that begins at a sample, a head and a row. */
  interface Work {
    void run(long sample, long head, long row);
  }

  /** A kernel for blocks of a number of rows. */
  interface BlockKernel {

    /** Temporary memory in floats. */
    long scratch();

    Work bind(CpuWorkspace workspace, long scratch);
  }

  /**
   * A kernel that works on all blocks, those of a head one after the other.
   *
   * @param ofRows creates the kernel for blocks of a number of rows
   */
  Kernel kernel(LongFunction<BlockKernel> ofRows) {
    BlockKernel full = ofRows.apply(rowsAtOnce);
    long rest = rows % rowsAtOnce;
    BlockKernel last = rest == 0 ? full : ofRows.apply(rest);
    return new Kernel() {
      @Override
      public long scratch() {
        return Math.max(full.scratch(), last.scratch());
      }

      @Override
      public Runnable bind(CpuWorkspace workspace, long scratch) {
        Work ofFull = full.bind(workspace, scratch);
        Work ofLast = last == full ? ofFull : last.bind(workspace, scratch);
        return () -> run(ofFull, ofLast);
      }
    };
  }

  private void run(Work full, Work last) {
    for (long sample = 0; sample < samples; sample++) {
      for (long head = 0; head < heads; head += headsAtOnce) {
        for (long row = 0; row < rows; row += rowsAtOnce) {
          (row + rowsAtOnce <= rows ? full : last).run(sample, head, row);
        }
      }
    }
  }

  /** The rows of a block, of its heads. */
  Part rows(Matrices of, long ofRows, KernelContext context) {
    return part(of, ofRows, of.strides()[2], context);
  }

  /** All rows of a block's heads. */
  Part all(Matrices of, KernelContext context) {
    return part(of, of.dim(2), 0, context);
  }

  /** The layout has size 1 where the matrices are repeated. */
  private Part part(Matrices of, long ofRows, long perRow, KernelContext context) {
    long[] dims = {headsAtOnce, ofRows, of.columns()};
    long[] strides = of.strides();
    long[] own = Arrays.copyOfRange(strides, 1, strides.length);
    long packed = 1;
    for (int d = dims.length - 1; d >= 0; d--) {
      if (own[d] == 0) {
        dims[d] = 1;
        own[d] = packed;
      }
      packed *= dims[d];
    }
    Desc layout = context.own(Desc.matrices(dims, own));
    return new Part(layout, of.value(), strides[0], strides[1], perRow);
  }

  /** The scores of a block, {@code [heads, rows, columns]} in C order in temporary memory. */
  Part scores(long ofRows, KernelContext context) {
    long[] dims = {headsAtOnce, ofRows, columns};
    return temporary(dims, new long[] {ofRows * columns, columns, 1}, context);
  }

  /** The transposed scores, {@code [heads, columns, rows]}. */
  Part transposedScores(long ofRows, KernelContext context) {
    long[] dims = {headsAtOnce, columns, ofRows};
    return temporary(dims, new long[] {ofRows * columns, 1, columns}, context);
  }

  private static Part temporary(long[] dims, long[] strides, KernelContext context) {
    return new Part(context.own(Desc.matrices(dims, strides)), null, 0, 0, 0);
  }

  /**
   * An operand of a block.
   *
   * @param value null for temporary memory
   * @param perSample the distance from sample to sample, in floats; others likewise
   */
  record Part(Desc layout, @Nullable Value value, long perSample, long perHead, long perRow) {

    /** Its address for the first block. */
    long address(CpuWorkspace workspace, long temporary) {
      return value == null ? temporary : workspace.address(value);
    }

    /** The bytes from there to its address for another block. */
    long offset(long sample, long head, long row) {
      return (sample * perSample + head * perHead + row * perRow) * Float.BYTES;
    }
  }
}
