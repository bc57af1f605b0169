package org.diffusion4j.engine.cpu;

import java.util.Map;
import java.util.Objects;
import org.diffusion4j.engine.graph.Activation;
import org.diffusion4j.engine.graph.Affine;
import org.diffusion4j.engine.graph.Attention;
import org.diffusion4j.engine.graph.Binary;
import org.diffusion4j.engine.graph.ColumnSums;
import org.diffusion4j.engine.graph.Concat;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.ConvolutionInputGradient;
import org.diffusion4j.engine.graph.ConvolutionWeightGradient;
import org.diffusion4j.engine.graph.DropoutOp;
import org.diffusion4j.engine.graph.Gather;
import org.diffusion4j.engine.graph.GroupNorm;
import org.diffusion4j.engine.graph.GroupNormGradient;
import org.diffusion4j.engine.graph.LayerNorm;
import org.diffusion4j.engine.graph.Load;
import org.diffusion4j.engine.graph.LossOfOutput;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Permute;
import org.diffusion4j.engine.graph.Product;
import org.diffusion4j.engine.graph.Relayout;
import org.diffusion4j.engine.graph.Resample;
import org.diffusion4j.engine.graph.Shift;
import org.diffusion4j.engine.graph.Sinusoid;
import org.diffusion4j.engine.graph.Softmax;
import org.diffusion4j.engine.graph.SoftmaxGradient;
import org.diffusion4j.engine.graph.Split;
import org.diffusion4j.engine.graph.Store;

/** Chooses the kernel of each node. No other class does. */
final class Kernels {

  private static final Map<Class<? extends Node>, Maker<Node>> TABLE =
      Map.ofEntries(
          kernel(Load.class, Transfers::load),
          kernel(Store.class, Transfers::store),
          kernel(Relayout.class, Transfers::relayout),
          kernel(Permute.class, Transfers::permute),
          kernel(Convolution.class, ConvolutionKernel::new),
          kernel(ConvolutionInputGradient.class, ConvolutionInputGradientKernel::new),
          kernel(ConvolutionWeightGradient.class, ConvolutionWeightGradientKernel::new),
          kernel(Product.class, Products::of),
          kernel(Attention.class, AttentionKernel::of),
          kernel(Attention.Gradient.class, AttentionGradientKernel::of),
          kernel(ColumnSums.class, ColumnSumsKernel::of),
          kernel(GroupNorm.class, GroupNormKernel::of),
          kernel(GroupNormGradient.class, GroupNormGradientKernel::of),
          kernel(LayerNorm.class, LayerNorms::forward),
          kernel(LayerNorm.Gradient.class, LayerNorms::gradient),
          kernel(Gather.class, GatherKernel::of),
          kernel(Gather.Gradient.class, GatherKernel::gradient),
          kernel(Softmax.class, Softmaxes::forward),
          kernel(SoftmaxGradient.class, Softmaxes::gradient),
          kernel(Affine.class, Elementwise::affine),
          kernel(Activation.class, Elementwise::activation),
          kernel(Activation.Gradient.class, Elementwise::activationGradient),
          kernel(Sinusoid.class, SinusoidKernel::of),
          kernel(Sinusoid.Gradient.class, SinusoidKernel::gradient),
          kernel(Binary.class, Elementwise::binary),
          kernel(Shift.class, Elementwise::shift),
          kernel(DropoutOp.class, DropoutKernel::of),
          kernel(Concat.class, ChannelKernels::concat),
          kernel(Split.class, ChannelKernels::split),
          kernel(Resample.class, ResampleKernel::of),
          kernel(LossOfOutput.class, LossKernel::of),
          kernel(Nd4jOp.class, Nd4jKernel::of));

  private Kernels() {}

  /** Creates the kernel of a node; the context owns its native objects. */
  private interface Maker<N extends Node> {
    Kernel make(N node, KernelContext context);
  }

  private static <N extends Node> Map.Entry<Class<? extends Node>, Maker<Node>> kernel(
      Class<N> kind, Maker<N> maker) {
    return Map.entry(kind, (node, context) -> maker.make(kind.cast(node), context));
  }

  static boolean has(Node node) {
    return TABLE.containsKey(node.getClass());
  }

  static Kernel of(Node node, KernelContext context) {
    return Objects.requireNonNull(TABLE.get(node.getClass()), node::name).make(node, context);
  }
}
