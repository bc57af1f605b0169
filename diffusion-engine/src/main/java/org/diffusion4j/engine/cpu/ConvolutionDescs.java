package org.diffusion4j.engine.cpu;

import com.google.common.primitives.Longs;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.Value;

/** The layouts and the geometry of a convolution in oneDNN's order of dimensions. */
final class ConvolutionDescs {

  static final long[] NO_DILATION = {0, 0};

  /** The dimensions of a weight {@code [kH, kW, in, out]} in oneDNN's order. */
  static final int[] OIHW = {3, 2, 0, 1};

  final Desc x;

  /** The input in the precision of the products. */
  final Desc narrowX;

  final Desc b;
  final Desc y;
  final Desc anyW;
  final Desc plainW;
  final long[] strides;
  final long[] before;
  final long[] after;

  ConvolutionDescs(Convolution node, KernelContext context) {
    x = context.desc(node.x());
    narrowX = context.own(Desc.of(node.precision(), node.x()));
    b = context.desc(node.b());
    y = context.desc(node.y());
    Value w = node.w();
    long kH = w.size(0);
    long kW = w.size(1);
    long in = w.size(2);
    long out = w.size(3);
    long[] oihw = {out, in, kH, kW};
    anyW = context.own(Desc.any(node.precision(), oihw));
    plainW = context.own(Desc.strided(oihw, new long[] {1, out, kW * in * out, in * out}));
    strides = Longs.toArray(node.geometry().strides());
    before = Longs.toArray(node.geometry().before());
    after = Longs.toArray(node.geometry().after());
  }

  int describeForward(dnnl_primitive_desc description, dnnl_primitive_attr attributes) {
    return dnnl.dnnl_convolution_forward_primitive_desc_create(
        description,
        OneDnn.engine(),
        dnnl.dnnl_forward_training,
        dnnl.dnnl_convolution_direct,
        narrowX.handle(),
        anyW.handle(),
        b.handle(),
        y.handle(),
        strides,
        NO_DILATION,
        before,
        after,
        attributes);
  }

  /** The forward description that oneDNN needs to describe a gradient. */
  Primitive.Description hint(String name, KernelContext context) {
    return context.own(Primitive.describe(name, this::describeForward));
  }
}
