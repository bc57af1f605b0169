package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.diffusion4j.Condition;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A data set converted for a model: samples of its shape, and what it is conditioned by. Its labels
 * are one-hot classes, embeddings of one or several tokens, or classes followed by an embedding of
 * one token. Its features are samples, each followed by the channels of a picture if the model
 * takes pictures.
 */
final class Batch implements AutoCloseable {

  final INDArray x0;
  final Condition condition;
  private final List<INDArray> owned = new ArrayList<>();

  Batch(DataSet data, SameDiffDenoiser model) {
    long[] shape = model.sampleShape();
    int pictures = pictureChannels(model);
    INDArray features = features(data.getFeatures(), shape, pictures);
    x0 = pictures == 0 ? copy(features) : copy(channels(features, 0, shape[0]));
    boolean done = false;
    try {
      Condition ofLabels = condition(data.getLabels(), model);
      condition =
          pictures == 0
              ? ofLabels
              : Condition.several(
                  ofLabels,
                  Condition.pictures(own(copy(channels(features, shape[0], shape[0] + pictures)))));
      Condition.Takes.of(model).require(condition, size());
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private Condition condition(@Nullable INDArray labels, SameDiffDenoiser model) {
    int width = Condition.Takes.of(model).embeddingWidth();
    if (width <= 0) {
      return model.classes() == 0 ? Condition.none() : labels(labels, model);
    }
    if (labels == null) {
      return Condition.none();
    }
    int classes = model.classes();
    if (classes == 0 && labels.rank() == 3 && labels.size(2) == width) {
      return embedded(labels);
    }
    if (labels.rank() != 2 || labels.size(1) != (long) classes + width) {
      throw new IllegalArgumentException(
          "labels must be "
              + (classes == 0 ? "" : classes + " one-hot values followed by ")
              + "embeddings of width "
              + width
              + ", [n, "
              + ((long) classes + width)
              + (classes == 0 ? "] or [n, tokens, " + width : "")
              + "], but were "
              + Arrays.toString(labels.shape()));
    }
    Condition embedded = embedded(columns(labels, classes, classes + width));
    return classes == 0
        ? embedded
        : Condition.several(labels(columns(labels, 0, classes), model), embedded);
  }

  private static int pictureChannels(SameDiffDenoiser model) {
    int channels = Math.max(0, Condition.Takes.of(model).pictureChannels());
    if (channels > 0 && model.sampleShape().length != 3) {
      throw new IllegalArgumentException(
          "samples must be [channels, height, width] to be followed by pictures but were "
              + Arrays.toString(model.sampleShape()));
    }
    return channels;
  }

  private static INDArray channels(INDArray features, long from, long to) {
    return features.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to));
  }

  private static INDArray copy(INDArray values) {
    return Nd4j.createUninitialized(DataType.FLOAT, values.shape()).assign(values);
  }

  /** An array that is closed with this batch. */
  INDArray own(INDArray array) {
    owned.add(array);
    return array;
  }

  private static INDArray columns(INDArray labels, int from, int to) {
    return labels.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to));
  }

  /**
   * A copy of {@code [n, width]}, one token each, or {@code [n, tokens, width]} as embeddings,
   * which this batch owns.
   */
  private Condition embedded(INDArray vectors) {
    int rank = vectors.rank();
    INDArray tokens =
        Nd4j.createUninitialized(
            DataType.FLOAT,
            vectors.size(0),
            rank == 3 ? vectors.size(1) : 1,
            vectors.size(rank - 1));
    own(tokens);
    tokens.reshape(vectors.shape()).assign(vectors);
    return Condition.embeddings(tokens);
  }

  int size() {
    return (int) x0.size(0);
  }

  /**
   * Samples and pictures as they are given. Rows with the right number of values are accepted,
   * because many readers return images as rows.
   */
  private static INDArray features(@Nullable INDArray features, long[] sampleShape, int pictures) {
    long[] shape = new long[sampleShape.length + 1];
    System.arraycopy(sampleShape, 0, shape, 1, sampleShape.length);
    shape[1] += pictures;
    shape[0] = features == null || features.rank() == 0 ? 0 : features.size(0);
    boolean rows =
        features != null
            && features.rank() == 2
            && features.size(1) == Arrays.stream(shape).skip(1).reduce(1, (a, b) -> a * b);
    if (features == null
        || shape[0] < 1
        || !features.isR()
        || !(rows || Arrays.equals(features.shape(), shape))) {
      String expected = Arrays.toString(Arrays.copyOfRange(shape, 1, shape.length));
      throw new IllegalArgumentException(
          "a batch of data must be floating-point [n, "
              + expected.substring(1)
              + (pictures == 0
                  ? ""
                  : ", samples followed by pictures of " + pictures + " channels,")
              + " but was "
              + (features == null
                  ? "missing"
                  : features.dataType() + " " + Arrays.toString(features.shape()))
              + (features == null || pictures > 0 ? "" : remedy(features.shape(), sampleShape)));
    }
    return features.reshape(shape);
  }

  /** Advice on how to adapt images to the model, or the model to the images. */
  private static String remedy(long[] batch, long[] sample) {
    if (batch.length != 4 || sample.length != 3) {
      return "";
    }
    if (batch[1] == 3 && sample[0] == 1) {
      return "; ImageFolder.Option.GRAYSCALE reads one channel";
    }
    if (batch[1] == 1 && sample[0] == 3) {
      return "; a network with 1 channel accepts them, ImageFolder without Option.GRAYSCALE reads"
          + " 3";
    }
    return batch[2] == sample[1] && batch[3] == sample[2]
        ? ""
        : "; ImageFolder.open(folder, " + sample[1] + ", " + sample[2] + ") scales images to it";
  }

  private static Condition labels(@Nullable INDArray labels, SameDiffDenoiser model) {
    boolean any = DataClasses.takesAnyLabel(model);
    if (labels == null || labels.rank() != 2 || !(any || labels.size(1) == model.classes())) {
      throw new IllegalArgumentException(
          "labels must be one-hot [n, "
              + (any ? "classes" : model.classes())
              + "] but were "
              + (labels == null ? "missing" : Arrays.toString(labels.shape()))
              + (labels != null && labels.rank() == 2 && labels.size(1) < model.classes()
                  ? "; withClassNames of IdxImages, ImageFolder and DelimitedVectors names all"
                      + " classes of the model"
                  : ""));
    }
    int[] classes;
    try (INDArray indices = labels.argMax(1);
        INDArray largest = labels.max(1)) {
      classes = new int[Math.toIntExact(indices.length())];
      for (int i = 0; i < classes.length; i++) {
        classes[i] = indices.getInt(i);
        if (!(largest.getFloat(i) > 0)) {
          if (!model.hasNullClass()) {
            throw new IllegalArgumentException(
                "labels must be one-hot for a model without a null class but sample "
                    + i
                    + " has none");
          }
          classes[i] = Condition.UNLABELLED;
        }
      }
    }
    return Condition.labels(classes);
  }

  /**
   * A condition of this batch, which is dropped for some samples: their labels are replaced by
   * {@link Condition#UNLABELLED}, their embeddings and pictures by zeros (Ho and Salimans 2022,
   * algorithm 1).
   *
   * @param probability the probability of dropping a label
   * @param draws draws one number per sample if there is a condition
   */
  Condition withDropout(Condition whole, double probability, RandomGenerator draws) {
    if (whole.isNone() || probability == 0) {
      return whole;
    }
    boolean[] dropped = dropped(size(), probability, draws);
    return Condition.several(whole.parts().stream().map(part -> without(part, dropped)).toList());
  }

  /** Which of n samples lose their labels. */
  static boolean[] dropped(int n, double probability, RandomGenerator draws) {
    boolean[] dropped = new boolean[n];
    for (int i = 0; i < n; i++) {
      dropped[i] = draws.nextDouble() < probability;
    }
    return dropped;
  }

  private Condition without(Condition part, boolean[] dropped) {
    if (part instanceof Condition.Embeddings given) {
      return Condition.embeddings(without(given.tokens(), dropped));
    }
    if (part instanceof Condition.Pictures given) {
      return Condition.pictures(without(given.pictures(), dropped));
    }
    int[] labels = part.labels();
    for (int i = 0; i < labels.length; i++) {
      labels[i] = dropped[i] ? Condition.UNLABELLED : labels[i];
    }
    return Condition.labels(labels);
  }

  private INDArray without(INDArray rows, boolean[] dropped) {
    INDArray kept = own(copy(rows));
    for (int i = 0; i < dropped.length; i++) {
      if (dropped[i]) {
        kept.slice(i).assign(0);
      }
    }
    return kept;
  }

  @Override
  public void close() {
    x0.close();
    owned.forEach(INDArray::close);
  }
}
