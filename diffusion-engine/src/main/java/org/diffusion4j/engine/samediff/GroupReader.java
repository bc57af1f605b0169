package org.diffusion4j.engine.samediff;

import java.util.Optional;
import org.diffusion4j.engine.graph.Activation;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.GroupNorm;
import org.diffusion4j.engine.graph.LayerNorm;
import org.diffusion4j.engine.graph.Matrices;
import org.diffusion4j.engine.graph.Product;
import org.diffusion4j.engine.graph.Softmax;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.samediff.GroupNormPattern.GroupNormMatch;
import org.diffusion4j.engine.samediff.LayerNormPattern.LayerNormMatch;
import org.diffusion4j.engine.samediff.Patterns.AttentionMatch;
import org.diffusion4j.engine.samediff.Patterns.GeluMatch;
import org.diffusion4j.engine.samediff.Patterns.SumMatch;
import org.jspecify.annotations.Nullable;

/** Converts the groups of operations that {@link Patterns} found to nodes. */
final class GroupReader {

  private final Reading reading;
  private final OpReader single;
  private final ImageOps images;

  GroupReader(Reading reading, OpReader single, ImageOps images) {
    this.reading = reading;
    this.single = single;
    this.images = images;
  }

  void groupNorm(GroupNormMatch m) {
    Value x = reading.image(reading.value(m.x()));
    long channels = x.rank() == 4 ? x.size(1) : 0;
    boolean fits =
        x.rank() == 4
            && channels % m.groups() == 0
            && reading.value(m.gamma()).length() == channels
            && reading.value(m.beta()).length() == channels
            && m.groupSize() == channels / m.groups() * x.size(2) * x.size(3);
    if (!fits) {
      throw new UnplannableException(m.x() + " is normalised in no way that is known");
    }
    Value y = Value.activation(m.group().last().result(), x.shape());
    reading.add(
        GroupNorm.of(
            new GroupNorm.Inputs(
                x,
                rows(m.bias(), x),
                reading.value(m.gamma()),
                reading.value(m.beta()),
                rows(m.scale(), x),
                rows(m.shift(), x)),
            m.groups(),
            m.eps(),
            m.silu(),
            y));
  }

  /** A value with one element per sample and channel of an image. */
  private @Nullable Value rows(@Nullable String name, Value image) {
    if (name == null) {
      return null;
    }
    Value value = reading.value(name);
    if (value.isWeight() || value.length() != image.size(0) * image.size(1)) {
      throw new UnplannableException(name + " is not one value for each sample and channel");
    }
    return value.view(name, image.size(0), image.size(1));
  }

  void layerNorm(LayerNormMatch m) {
    Value x = reading.plain(reading.value(m.x()));
    Value gamma = reading.value(m.gamma());
    Value beta = reading.value(m.beta());
    boolean fits =
        m.dimension() == x.rank() - 1
            && x.rank() >= 2
            && gamma.rank() == 1
            && gamma.size(0) == x.size(m.dimension())
            && beta.sameShape(gamma);
    if (!fits) {
      throw new UnplannableException(m.x() + " is normalised in no way that is known");
    }
    reading.add(LayerNorm.of(m.group().last().result(), x, gamma, beta, m.eps()));
  }

  void gelu(GeluMatch m) {
    Value x = reading.value(m.x());
    String result = m.group().last().result();
    reading.add(new Activation(result, m.kind(), x, x.likeThis(result)));
  }

  void attention(AttentionMatch m) {
    Value q = reading.image(reading.value(m.q()));
    Value k = reading.image(reading.value(m.k()));
    Value v = reading.image(reading.value(m.v()));
    String name = m.group().last().result();
    if (q.rank() != 4 || !q.sameShape(k) || !q.sameShape(v) || q.size(1) % m.headChannels() != 0) {
      throw new UnplannableException(name + " is no attention that is known");
    }
    long heads = q.size(1) / m.headChannels();
    long pixels = q.size(2) * q.size(3);
    Value scores = Value.plain(name + "-scores", q.type(), q.size(0), heads, pixels, pixels);
    Value probabilities = scores.likeThis(name + "-weights");
    Value mixed = Value.activation(name, q.shape());
    reading.add(
        new Product(
            m.factor(),
            Matrices.heads(q, heads),
            Matrices.heads(k, heads).transposed(),
            null,
            Matrices.of(scores)));
    reading.add(new Softmax(scores, probabilities));
    reading.add(
        new Product(
            1,
            Matrices.of(probabilities),
            Matrices.heads(v, heads),
            null,
            Matrices.heads(mixed, heads)));
  }

  void convolutionSum(SumMatch m, Op sum) {
    Value addend = reading.value(m.addend());
    Optional<Convolution> fused =
        images.convolution(
            m.operation(), addend.rank() == 4 ? reading.image(addend) : addend, sum.result());
    if (fused.isPresent()) {
      reading.add(fused.get());
    } else {
      single.read(m.operation());
      single.read(sum);
    }
  }

  void dense(SumMatch m, Op sum) {
    Value bias = reading.value(m.addend());
    Op product = m.operation();
    Value x = reading.value(product.in().get(0));
    Value w = reading.value(product.in().get(1));
    boolean dense = OpReader.isPlainProduct(product) && x.rank() == 2 && w.rank() == 2;
    if (dense && bias.isWeight() && bias.rank() == 1 && bias.size(0) == w.size(1)) {
      reading.add(OpReader.product(x, w, bias, sum.result()));
    } else {
      single.read(product);
      single.read(sum);
    }
  }
}
