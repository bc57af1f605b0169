package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.AttentionBlocks.Part;
import org.diffusion4j.engine.cpu.AttentionBlocks.Work;
import org.diffusion4j.engine.cpu.Primitive.Argument;
import org.diffusion4j.engine.graph.Attention;
import org.jspecify.annotations.Nullable;

/** The normalised scores of a block: {@code softmax(factor q k^T + mask)}. */
final class AttentionScores {

  private final Part scores;
  private final Desc rows;
  private final BlockOperation product;
  private final @Nullable BlockOperation mask;
  private final Primitive softmax;

  /**
   * @param ofRows the number of rows of the block
   */
  AttentionScores(Attention node, AttentionBlocks blocks, long ofRows, KernelContext context) {
    scores = blocks.scores(ofRows, context);
    long columns = blocks.columns();
    rows =
        context.own(
            Desc.strided(
                new long[] {blocks.headsAtOnce() * ofRows, columns}, new long[] {columns, 1}));
    Part q = blocks.rows(node.q(), ofRows, context);
    Part k = blocks.all(node.k().transposed(), context);
    product = BlockOperation.product(node.name(), node.factor(), q, k, scores, context);
    mask =
        node.mask() == null
            ? null
            : BlockOperation.addition(
                node.name(), scores, blocks.rows(node.mask(), ofRows, context), context);
    softmax = Softmaxes.softmax(node.name(), rows, context);
  }

  /** The scores of each head as matrices. */
  Part matrices() {
    return scores;
  }

  /** The layout of the scores of all heads as one matrix. */
  Desc rows() {
    return rows;
  }

  /** The memory of the scores, in floats. */
  long floats() {
    return (rows.floats() + 15) / 16 * 16;
  }

  /** The temporary memory beside the scores. */
  long scratch() {
    long most = Math.max(product.scratch(), softmax.scratch());
    return mask == null ? most : Math.max(most, mask.scratch());
  }

  /**
   * Computes the scores of one block after the other.
   *
   * @param to the address of the scores
   */
  Work bind(CpuWorkspace workspace, long to, long scratch) {
    Work multiply = product.bind(workspace, to, scratch);
    Work add = mask == null ? (sample, head, row) -> {} : mask.bind(workspace, to, scratch);
    Runnable normalise =
        softmax.bind(
            workspace,
            scratch,
            List.of(
                new Argument(dnnl.DNNL_ARG_SRC, rows, to),
                new Argument(dnnl.DNNL_ARG_DST, rows, to)));
    return (sample, head, row) -> {
      multiply.run(sample, head, row);
      add.run(sample, head, row);
      normalise.run();
    };
  }
}
