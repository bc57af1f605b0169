package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** Reads the data of a training, batch by batch and epoch by epoch, and tracks the position. */
final class Feed {

  private static final String NOT_RESUMABLE = "unknown";

  /** Maximum number of characters of a description in messages. */
  private static final int DESCRIPTION = 110;

  private final boolean labelled;
  private @Nullable DataSetIterator data;
  private List<String> classNames = List.of();
  private int epoch;
  private int batch;
  private @Nullable Place place;
  private int markedEpoch;
  private int markedBatch;
  private SampleIterator.@Nullable Position marked;

  /**
   * @param labelled whether labels are used
   */
  Feed(boolean labelled) {
    this.labelled = labelled;
  }

  /** The epoch of the last batch, counted from the beginning of the training, from 0. */
  int epoch() {
    return epoch;
  }

  /** The number of the last batch in its epoch, from 0. */
  int batch() {
    return batch - 1;
  }

  /** Reads batches from a source from now on, starting at the restored position, if any. */
  void open(DataSetIterator source) {
    List<String> names = DataClasses.of(source);
    Place from = place;
    if (from != null) {
      if (labelled) {
        DataClasses.requireSame("data", names, "the checkpoint", from.classNames);
      }
      seek(source, from);
      place = null;
    }
    data = source;
    classNames = names;
    mark();
  }

  /**
   * The next batch.
   *
   * @param taken converts the batch, which must not be kept
   * @param atEndOfEpoch called with the number of an epoch that has ended
   */
  <B> B next(Function<DataSet, B> taken, IntConsumer atEndOfEpoch) {
    B made = take(atNext(atEndOfEpoch), taken);
    batch++;
    return made;
  }

  /**
   * Passes over the next batch, which need not be read.
   *
   * @param atEndOfEpoch as for {@link #next}
   * @return the number of its samples
   */
  int skip(IntConsumer atEndOfEpoch) {
    DataSetIterator source = atNext(atEndOfEpoch);
    int size =
        source instanceof SampleIterator samples ? samples.skip() : source.next().numExamples();
    batch++;
    return size;
  }

  /** The data, which have another batch. */
  private DataSetIterator atNext(IntConsumer atEndOfEpoch) {
    DataSetIterator source = Objects.requireNonNull(data, "data");
    if (!source.hasNext()) {
      if (!source.resetSupported()) {
        throw new IllegalArgumentException("data ended and cannot be reset");
      }
      if (batch > 0) {
        atEndOfEpoch.accept(epoch);
      }
      source.reset();
      epoch++;
      batch = 0;
      if (!source.hasNext()) {
        throw new IllegalArgumentException("data must hold at least one batch but is empty");
      }
    }
    return source;
  }

  /** Converts the next batch and frees it. */
  static <B> B take(DataSetIterator source, Function<DataSet, B> taken) {
    DataSet next = source.next();
    try {
      return taken.apply(next);
    } finally {
      // Other iterators may own the batches that they return.
      if (source instanceof SampleIterator) {
        close(next.getFeatures());
        close(next.getLabels());
      }
    }
  }

  private static void close(@Nullable INDArray array) {
    if (array != null && array.closeable()) {
      array.close();
    }
  }

  /** Records that training has used all batches taken so far. */
  void mark() {
    markedEpoch = epoch;
    markedBatch = batch;
    marked = data instanceof SampleIterator resumable ? resumable.position() : null;
  }

  /** Goes back to the last {@link #mark}, if the data support seeking. */
  void rewind() {
    if (data instanceof SampleIterator resumable && marked != null) {
      resumable.seek(marked);
      epoch = markedEpoch;
      batch = markedBatch;
    }
  }

  /** The position of the last {@link #mark}; {@link Place#of} reads it. */
  Map<String, Object> state() {
    Map<String, Object> state = new TreeMap<>();
    state.put("description", description(data));
    if (!classNames.isEmpty()) {
      state.put("class_names", classNames);
    }
    state.put("epoch", markedEpoch);
    state.put("batch", markedBatch);
    if (marked != null) {
      state.put("data_epoch", marked.epoch());
      state.put("data_sample", marked.sample());
    }
    return state;
  }

  /** Describes data; those of other iterators are unknown. */
  static String description(@Nullable DataSetIterator source) {
    return source instanceof SampleIterator resumable ? resumable.description() : NOT_RESUMABLE;
  }

  /** A valid position read from {@link #state}. */
  record Place(
      String description,
      List<String> classNames,
      int epoch,
      int batch,
      SampleIterator.@Nullable Position position) {

    static Place of(StateReader state) throws ModelFormatException {
      List<String> names = new ArrayList<>();
      if (state.has("class_names")) {
        for (Object name : state.list("class_names")) {
          if (!(name instanceof String text)) {
            throw state.mustBe("class_names", "strings", name);
          }
          names.add(text);
        }
      }
      SampleIterator.Position position =
          state.has("data_epoch") || state.has("data_sample")
              ? new SampleIterator.Position(state.count("data_epoch"), state.count("data_sample"))
              : null;
      return new Place(
          state.text("description"), names, state.count("epoch"), state.count("batch"), position);
    }
  }

  /** Makes the next {@link #open} start at a position. */
  void restore(Place from) {
    epoch = from.epoch;
    batch = from.batch;
    classNames = from.classNames;
    place = from;
  }

  private static void seek(DataSetIterator source, Place place) {
    String given = description(source);
    if (!place.description.equals(given)) {
      throw new IllegalArgumentException(
          "data must be that of the checkpoint, "
              + Shown.text(place.description, DESCRIPTION)
              + ", but is "
              + Shown.text(given, DESCRIPTION));
    }
    if (source instanceof SampleIterator resumable && place.position != null) {
      resumable.seek(place.position);
      return;
    }
    // Reading any iterator again from the beginning leads to the same position.
    for (int i = 0; i < place.epoch; i++) {
      source.reset();
    }
    for (int i = 0; i < place.batch; i++) {
      if (!source.hasNext()) {
        throw new IllegalArgumentException(
            "data must be that of the checkpoint, which was at batch "
                + place.batch
                + " of an epoch, but ends after "
                + i);
      }
      source.next();
    }
  }
}
