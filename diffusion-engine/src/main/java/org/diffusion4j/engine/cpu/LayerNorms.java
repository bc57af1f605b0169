package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.LayerNorm;

/** The kernels of a layer norm and of its gradient. */
final class LayerNorms {

  private static final int FLAGS = dnnl.dnnl_use_scale | dnnl.dnnl_use_shift;

  private final LayerNorm node;
  private final Desc rows;
  private final Desc perRow;
  private final Desc perColumn;

  private LayerNorms(LayerNorm node, KernelContext context) {
    this.node = node;
    long width = node.gamma().length();
    long count = node.mean().length();
    rows = context.own(Desc.strided(new long[] {count, width}, new long[] {width, 1}));
    perRow = context.flat(node.mean());
    perColumn = context.flat(node.gamma());
  }

  private Primitive.Describer forward() {
    return (pd, attributes) ->
        dnnl.dnnl_layer_normalization_forward_primitive_desc_create(
            pd,
            OneDnn.engine(),
            dnnl.dnnl_forward_training,
            rows.handle(),
            rows.handle(),
            perRow.handle(),
            (float) node.eps(),
            FLAGS,
            attributes);
  }

  static Kernel forward(LayerNorm node, KernelContext context) {
    LayerNorms of = new LayerNorms(node, context);
    return PrimitiveKernel.of(
        context.own(Primitive.of(node.name(), of.forward())),
        new Operand(dnnl.DNNL_ARG_SRC, of.rows, node.x()),
        new Operand(dnnl.DNNL_ARG_SCALE, of.perColumn, node.gamma()),
        new Operand(dnnl.DNNL_ARG_SHIFT, of.perColumn, node.beta()),
        new Operand(dnnl.DNNL_ARG_DST, of.rows, node.y()),
        new Operand(dnnl.DNNL_ARG_MEAN, of.perRow, node.mean()),
        new Operand(dnnl.DNNL_ARG_VARIANCE, of.perRow, node.variance()));
  }

  static Kernel gradient(LayerNorm.Gradient node, KernelContext context) {
    LayerNorm norm = node.of();
    LayerNorms of = new LayerNorms(norm, context);
    Primitive.Description forward = context.own(Primitive.describe(norm.name(), of.forward()));
    Primitive primitive =
        context.own(
            Primitive.of(
                node.name(),
                (pd, attributes) ->
                    dnnl.dnnl_layer_normalization_backward_primitive_desc_create(
                        pd,
                        OneDnn.engine(),
                        dnnl.dnnl_backward,
                        of.rows.handle(),
                        of.rows.handle(),
                        of.rows.handle(),
                        of.perRow.handle(),
                        (float) norm.eps(),
                        FLAGS,
                        forward.handle(),
                        attributes)));
    return new PrimitiveKernel(
        primitive,
        List.of(
            new Operand(dnnl.DNNL_ARG_SRC, of.rows, norm.x()),
            new Operand(dnnl.DNNL_ARG_SCALE, of.perColumn, norm.gamma()),
            new Operand(dnnl.DNNL_ARG_MEAN, of.perRow, norm.mean()),
            new Operand(dnnl.DNNL_ARG_VARIANCE, of.perRow, norm.variance()),
            new Operand(dnnl.DNNL_ARG_DIFF_DST, of.rows, node.dy()),
            new Operand(dnnl.DNNL_ARG_DIFF_SRC, of.rows, node.dx()),
            new Operand(dnnl.DNNL_ARG_DIFF_SCALE, of.perColumn, node.dGamma()),
            new Operand(dnnl.DNNL_ARG_DIFF_SHIFT, of.perColumn, node.dBeta())));
  }
}
