package org.diffusion4j.engine.cpu;

import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.AttentionBlocks.BlockKernel;
import org.diffusion4j.engine.cpu.AttentionBlocks.Part;
import org.diffusion4j.engine.cpu.AttentionBlocks.Work;
import org.diffusion4j.engine.cpu.Primitive.Argument;
import org.diffusion4j.engine.graph.Attention;

/**
 * The gradients of an attention, in blocks. For each, the normalised scores p are computed again,
 * then, as in Dao et al. 2022, appendix B.2:
 *
 * <pre>
 * dv += p^T dy
 * dp = dy v^T
 * ds = p (dp - the sum of p dp in each row)
 * dq = factor ds k
 * dk += factor ds^T q
 * </pre>
 */
final class AttentionGradientKernel implements BlockKernel {

  private final AttentionScores scores;
  private final Primitive throughSoftmax;
  private final BlockOperation toScores;
  private final BlockOperation toQueries;
  private final BlockOperation toKeys;
  private final BlockOperation toValues;

  private AttentionGradientKernel(
      Attention.Gradient node, AttentionBlocks blocks, long rows, KernelContext context) {
    Attention of = node.of();
    String name = node.name();
    scores = new AttentionScores(of, blocks, rows, context);
    throughSoftmax = Softmaxes.gradient(name, scores.rows(), context);
    Part matrices = scores.matrices();
    Part transposed = blocks.transposedScores(rows, context);
    Part dy = blocks.rows(node.dy(), rows, context);
    Part q = blocks.rows(of.q(), rows, context);
    Part dq = blocks.rows(node.dq(), rows, context);
    Part k = blocks.all(of.k(), context);
    Part dk = blocks.all(node.dk(), context);
    Part transposedV = blocks.all(of.v().transposed(), context);
    Part dv = blocks.all(node.dv(), context);
    toScores = BlockOperation.product(name, 1, dy, transposedV, matrices, context);
    toQueries = BlockOperation.product(name, of.factor(), matrices, k, dq, context);
    toKeys = BlockOperation.sum(name, of.factor(), transposed, q, dk, context);
    toValues = BlockOperation.sum(name, 1, transposed, dy, dv, context);
  }

  static Kernel of(Attention.Gradient node, KernelContext context) {
    AttentionBlocks blocks = AttentionBlocks.of(node.of());
    return blocks.kernel(rows -> new AttentionGradientKernel(node, blocks, rows, context));
  }

  @Override
  public long scratch() {
    return 2 * scores.floats()
        + LongStream.of(
                scores.scratch(),
                throughSoftmax.scratch(),
                toScores.scratch(),
                toQueries.scratch(),
                toKeys.scratch(),
                toValues.scratch())
            .max()
            .orElse(0);
  }

  @Override
  public Work bind(CpuWorkspace workspace, long memory) {
    long gradient = memory + scores.floats() * Float.BYTES;
    long scratch = gradient + scores.floats() * Float.BYTES;
    Work weigh = scores.bind(workspace, memory, scratch);
    Work addToValues = toValues.bind(workspace, memory, scratch);
    Work multiply = toScores.bind(workspace, gradient, scratch);
    Runnable denormalise =
        throughSoftmax.bind(
            workspace,
            scratch,
            List.of(
                new Argument(dnnl.DNNL_ARG_DST, scores.rows(), memory),
                new Argument(dnnl.DNNL_ARG_DIFF_DST, scores.rows(), gradient),
                new Argument(dnnl.DNNL_ARG_DIFF_SRC, scores.rows(), gradient)));
    Work mix = toQueries.bind(workspace, gradient, scratch);
    Work addToKeys = toKeys.bind(workspace, gradient, scratch);
    return (sample, head, row) -> {
      weigh.run(sample, head, row);
      addToValues.run(sample, head, row);
      multiply.run(sample, head, row);
      denormalise.run();
      mix.run(sample, head, row);
      addToKeys.run(sample, head, row);
    };
  }
}
