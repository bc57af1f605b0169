package org.diffusion4j.text;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.internal.common.Shown;

/** Pictures with embeddings of their texts: {@link TextImages#embedded}. */
record EmbeddedTextImages(
    TextImages images, int tokens, int width, Function<String, float[]> embedding)
    implements SampleSource {

  EmbeddedTextImages {
    if (tokens < 1 || width < 1 || (long) tokens * width > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "tokens and width must be at least 1, with a product less than 2^31, but were "
              + tokens
              + " and "
              + width);
    }
    Objects.requireNonNull(embedding, "embedding");
  }

  @Override
  public int size() {
    return images.size();
  }

  @Override
  public long[] sampleShape() {
    return images.sampleShape();
  }

  @Override
  public void read(int index, float[] into) throws IOException {
    images.read(index, into);
  }

  @Override
  public int label(int index) {
    return images.label(index);
  }

  @Override
  public List<String> classNames() {
    return images.classNames();
  }

  @Override
  public long[] embeddingShape() {
    return new long[] {tokens, width};
  }

  @Override
  public void readEmbeddings(int index, float[] into) {
    String text = images.text(index);
    float[] values = embedding.apply(text);
    if (values.length != tokens * width || into.length != values.length) {
      throw new IllegalArgumentException(
          "embedding must have "
              + tokens
              + " x "
              + width
              + " values but has "
              + values.length
              + ", for \""
              + Shown.text(text)
              + "\"");
    }
    System.arraycopy(values, 0, into, 0, values.length);
  }

  @Override
  public String description() {
    return "Embedded[" + tokens + " x " + width + ", " + images.description() + "]";
  }

  @Override
  public String toString() {
    return "Embedded[" + tokens + " x " + width + ", " + images + "]";
  }
}
