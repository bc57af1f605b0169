package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Guidance towards a text and a picture: InstructPix2Pix (Brooks et al. 2023), equation 3. The
 * network is asked with both, with the picture alone, and with neither.
 */
final class ImageGuidance implements Denoiser {

  private final Denoiser model;
  private final double textScale;
  private final double imageScale;

  /**
   * @param model takes embeddings with a counterpart, and pictures
   */
  ImageGuidance(Denoiser model, double textScale, double imageScale) {
    this.model = model;
    this.textScale = textScale;
    this.imageScale = imageScale;
  }

  @Override
  public NoiseSchedule schedule() {
    return model.schedule();
  }

  @Override
  public long[] sampleShape() {
    return model.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return model.prediction();
  }

  @Override
  public boolean learnsVariance() {
    return model.learnsVariance();
  }

  @Override
  public boolean isDeterministic() {
    return model.isDeterministic();
  }

  @Override
  public Condition.Takes takes() {
    return model.takes();
  }

  @Override
  public OptionalLong predictionBytes(int n) {
    OptionalLong once = model.predictionBytes(n);
    long output = NativeMemory.product(sampleShape()) * (learnsVariance() ? 2 : 1) * Float.BYTES;
    return once.isEmpty() ? once : OptionalLong.of(once.getAsLong() + 4L * n * output);
  }

  /** The new array {@code u + textScale (c - i) + imageScale (i - u)}. */
  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    try (INDArray both = model.predict(xt, t, condition);
        INDArray image = withoutText(xt, t, condition);
        INDArray neither = neither(xt, t, condition)) {
      INDArray guided = Elements.combine(textScale, both, imageScale - textScale, image);
      return Elements.add(guided, 1 - imageScale, neither);
    }
  }

  private INDArray withoutText(INDArray xt, INDArray t, Condition condition) {
    List<Condition> parts = new ArrayList<>(condition.parts());
    parts.removeIf(part -> part instanceof Condition.Embeddings);
    try (Condition away =
        condition.part(Condition.Embeddings.class).orElseThrow().unconditional()) {
      parts.add(away);
      return model.predict(xt, t, Condition.several(parts));
    }
  }

  private INDArray neither(INDArray xt, INDArray t, Condition condition) {
    try (Condition neither = condition.unconditional()) {
      return model.predict(xt, t, neither);
    }
  }
}
