package org.diffusion4j.engine.cpu;

import org.diffusion4j.engine.cpu.AttentionBlocks.BlockKernel;
import org.diffusion4j.engine.cpu.AttentionBlocks.Work;
import org.diffusion4j.engine.graph.Attention;

/** Attention, in blocks: for each the scores, by which the values are then multiplied. */
final class AttentionKernel implements BlockKernel {

  private final AttentionScores scores;
  private final BlockOperation product;

  private AttentionKernel(
      Attention node, AttentionBlocks blocks, long rows, KernelContext context) {
    scores = new AttentionScores(node, blocks, rows, context);
    product =
        BlockOperation.product(
            node.name(),
            1,
            scores.matrices(),
            blocks.all(node.v(), context),
            blocks.rows(node.y(), rows, context),
            context);
  }

  static Kernel of(Attention node, KernelContext context) {
    AttentionBlocks blocks = AttentionBlocks.of(node);
    return blocks.kernel(rows -> new AttentionKernel(node, blocks, rows, context));
  }

  @Override
  public long scratch() {
    return scores.floats() + Math.max(scores.scratch(), product.scratch());
  }

  @Override
  public Work bind(CpuWorkspace workspace, long memory) {
    long scratch = memory + scores.floats() * Float.BYTES;
    Work weigh = scores.bind(workspace, memory, scratch);
    Work mix = product.bind(workspace, memory, scratch);
    return (sample, head, row) -> {
      weigh.run(sample, head, row);
      mix.run(sample, head, row);
    };
  }
}
