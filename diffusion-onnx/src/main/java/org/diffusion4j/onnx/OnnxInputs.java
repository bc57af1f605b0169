package org.diffusion4j.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.TensorInfo;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.diffusion4j.Condition;
import org.diffusion4j.internal.nn.Graphs;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The inputs of a file: which condition each of them takes, and the tensors of a call.
 *
 * @param infos type and shape by this library's name of the input
 * @param names the file's names by this library's
 * @param takes the conditions
 */
record OnnxInputs(Map<String, TensorInfo> infos, Map<String, String> names, Condition.Takes takes) {

  private static final Set<OnnxJavaType> NUMBERS =
      Set.of(OnnxJavaType.FLOAT, OnnxJavaType.INT64, OnnxJavaType.INT32);

  private static final List<String> CONDITIONS =
      List.of(Graphs.CLASS, Graphs.EMBEDDINGS, Graphs.MASK, Graphs.POOLED, Graphs.PICTURES);

  /** What a file's inputs do not say of its labels. */
  record Labels(int classes, boolean unlabelled) {

    static final Labels UNKNOWN = new Labels(Condition.Takes.ANY, false);
  }

  /**
   * @param files type and shape by the file's name
   * @param renamed the file's names by this library's, where they differ
   * @throws IllegalArgumentException if an input is missing, or has another shape or type
   */
  static OnnxInputs of(Map<String, TensorInfo> files, Map<String, String> renamed, Labels labels) {
    Map<String, TensorInfo> infos = new LinkedHashMap<>();
    Map<String, String> names = new LinkedHashMap<>();
    Set<String> rest = new TreeSet<>(files.keySet());
    for (String ours : known(rest, renamed)) {
      String theirs = renamed.getOrDefault(ours, ours);
      TensorInfo info = files.get(theirs);
      if (info == null) {
        throw new IllegalArgumentException(
            "inputs must include " + theirs + " but were " + new TreeSet<>(files.keySet()));
      }
      infos.put(ours, info);
      names.put(ours, theirs);
      rest.remove(theirs);
    }
    for (String further : rest) {
      infos.put(further, files.get(further));
      names.put(further, further);
    }
    return new OnnxInputs(infos, names, takes(infos, rest, labels));
  }

  /** Checks that an input or output of a name has a meaning of its own. */
  static void requireKnown(String name) {
    Set<String> known = new TreeSet<>(CONDITIONS);
    known.addAll(List.of(Graphs.SAMPLE, Graphs.TIMESTEP, Graphs.OUTPUT));
    if (!known.contains(name)) {
      throw new IllegalArgumentException("name must be one of " + known + " but was " + name);
    }
  }

  /** Those with a meaning of their own: the two that must be there, and those that are. */
  private static Set<String> known(Set<String> files, Map<String, String> renamed) {
    Set<String> known = new TreeSet<>(Set.of(Graphs.SAMPLE, Graphs.TIMESTEP));
    for (String ours : CONDITIONS) {
      if (renamed.containsKey(ours) || files.contains(ours)) {
        known.add(ours);
      }
    }
    return known;
  }

  private static Condition.Takes takes(
      Map<String, TensorInfo> infos, Set<String> rest, Labels labels) {
    Set<String> further = new TreeSet<>(rest);
    int classes = 0;
    infos.forEach(
        (name, info) -> {
          boolean number = name.equals(Graphs.TIMESTEP) || name.equals(Graphs.CLASS);
          if (number ? !NUMBERS.contains(info.type) : info.type != OnnxJavaType.FLOAT) {
            throw new IllegalArgumentException(
                name
                    + " must be FLOAT"
                    + (number ? ", INT64 or INT32" : "")
                    + " but is "
                    + info.type);
          }
          if (!name.equals(Graphs.TIMESTEP)) {
            requireBatch(name, info.getShape());
          }
        });
    requireTimestep(infos.get(Graphs.TIMESTEP));
    for (String name : List.of(Graphs.MASK, Graphs.POOLED)) {
      if (infos.containsKey(name) && !infos.containsKey(Graphs.EMBEDDINGS)) {
        throw new IllegalArgumentException(
            "inputs with " + name + " must include " + Graphs.EMBEDDINGS + " but do not");
      }
    }
    TensorInfo label = infos.get(Graphs.CLASS);
    if (label != null && label.type == OnnxJavaType.FLOAT) {
      further.add(Graphs.CLASS);
    } else if (label != null) {
      requireRank(Graphs.CLASS, label, 1);
      classes = labels.classes();
    }
    return new Condition.Takes(
        classes,
        label == null || labels.unlabelled(),
        size(infos, Graphs.EMBEDDINGS, 3, 2),
        size(infos, Graphs.PICTURES, 4, 1),
        further);
  }

  private static void requireBatch(String name, long[] shape) {
    if (shape.length == 0 || shape[0] >= 0) {
      throw new IllegalArgumentException(
          name + " must have an open batch size, its first, but is " + Arrays.toString(shape));
    }
  }

  private static void requireTimestep(@Nullable TensorInfo info) {
    long[] shape = info == null ? new long[] {2} : info.getShape();
    boolean column = shape.length == 2 && shape[0] < 0 && shape[1] == 1;
    if (shape.length > 0 && !column && (shape.length > 1 || shape[0] > 1)) {
      throw new IllegalArgumentException(
          Graphs.TIMESTEP
              + " must be one number, or one for each sample, but is "
              + Arrays.toString(shape));
    }
  }

  private static void requireRank(String name, TensorInfo info, int rank) {
    if (info.getShape().length != rank) {
      throw new IllegalArgumentException(
          name + " must have " + rank + " dimensions but is " + Arrays.toString(info.getShape()));
    }
  }

  /** A size of an input; 0 if there is no such input, and {@code ANY} if its size is open. */
  private static int size(Map<String, TensorInfo> infos, String name, int rank, int dimension) {
    TensorInfo info = infos.get(name);
    if (info == null) {
      return 0;
    }
    requireRank(name, info, rank);
    long size = info.getShape()[dimension];
    return size < 0 ? Condition.Takes.ANY : Math.toIntExact(size);
  }

  /** The shape of a sample, as far as the file says; open sizes are negative. */
  long[] sampleShape() {
    long[] shape = info(Graphs.SAMPLE).getShape();
    return Arrays.copyOfRange(shape, 1, shape.length);
  }

  private TensorInfo info(String name) {
    TensorInfo info = infos.get(name);
    if (info == null) {
      throw new IllegalArgumentException(name + " must be an input of the model but is not");
    }
    return info;
  }

  /**
   * Adds the tensors of a call whose samples, timesteps and condition fit the denoiser.
   *
   * @param made receives arrays that the caller closes after the call
   * @throws IllegalArgumentException if a shape does not fit the file
   */
  void add(Tensors to, INDArray xt, INDArray t, Condition condition, List<INDArray> made)
      throws OrtException {
    to.add(theirs(Graphs.SAMPLE), xt);
    addTimesteps(to, t);
    if (takes.classes() != 0) {
      addLabels(to, condition, Math.toIntExact(xt.size(0)));
    }
    Map<String, INDArray> arrays = new LinkedHashMap<>();
    condition.part(Condition.Embeddings.class).ifPresent(part -> embeddings(part, arrays, made));
    condition
        .part(Condition.Pictures.class)
        .ifPresent(part -> arrays.put(Graphs.PICTURES, part.pictures()));
    condition.part(Condition.Inputs.class).ifPresent(part -> arrays.putAll(part.arrays()));
    for (Map.Entry<String, INDArray> entry : arrays.entrySet()) {
      addArray(to, entry.getKey(), entry.getValue());
    }
  }

  private void embeddings(
      Condition.Embeddings part, Map<String, INDArray> arrays, List<INDArray> made) {
    INDArray tokens = part.tokens();
    arrays.put(Graphs.EMBEDDINGS, tokens);
    INDArray mask = part.mask();
    if (mask == null && infos.containsKey(Graphs.MASK)) {
      mask = Nd4j.ones(DataType.FLOAT, tokens.size(0), tokens.size(1));
      made.add(mask);
    }
    if (mask != null) {
      arrays.put(Graphs.MASK, mask);
    }
    INDArray pooled = part.pooled();
    if (pooled != null) {
      arrays.put(Graphs.POOLED, pooled);
    } else if (infos.containsKey(Graphs.POOLED)) {
      throw new IllegalArgumentException("embeddings must have pooled ones but have none");
    }
  }

  private void addArray(Tensors to, String name, INDArray array) throws OrtException {
    long[] shape = info(name).getShape();
    boolean fits = array.dataType() == DataType.FLOAT && array.rank() == shape.length;
    for (int d = 1; fits && d < shape.length; d++) {
      fits = shape[d] < 0 || shape[d] == array.size(d);
    }
    if (!fits) {
      throw new IllegalArgumentException(
          name
              + " must be FLOAT "
              + Arrays.toString(shape).replaceFirst("-1", "n")
              + " but was "
              + describe(array));
    }
    to.add(theirs(name), array);
  }

  static String describe(INDArray array) {
    return array.dataType() + " " + Arrays.toString(array.shape());
  }

  private void addTimesteps(Tensors to, INDArray t) throws OrtException {
    TensorInfo info = info(Graphs.TIMESTEP);
    long[] shape = info.getShape();
    double[] values = t.toDoubleVector();
    if (shape.length == 0 || (shape.length == 1 && shape[0] == 1)) {
      for (double value : values) {
        if (value != values[0]) {
          throw new IllegalArgumentException(
              "timesteps must be equal for a model that takes one for all samples but were "
                  + values[0]
                  + " and "
                  + value);
        }
      }
      values = Arrays.copyOf(values, 1);
    } else {
      shape[0] = values.length;
    }
    for (double value : values) {
      if (info.type != OnnxJavaType.FLOAT && value != Math.rint(value)) {
        throw new IllegalArgumentException(
            "timestep must be a whole number for a model that takes "
                + info.type
                + " but was "
                + value);
      }
    }
    to.add(theirs(Graphs.TIMESTEP), values, shape, info.type);
  }

  private void addLabels(Tensors to, Condition condition, int n) throws OrtException {
    double[] values = new double[n];
    int[] labels = condition.part(Condition.Labels.class).isPresent() ? condition.labels() : null;
    for (int i = 0; i < n; i++) {
      boolean unlabelled = labels == null || labels[i] == Condition.UNLABELLED;
      values[i] = labels == null || unlabelled ? takes.classes() : labels[i];
    }
    to.add(theirs(Graphs.CLASS), values, new long[] {n}, info(Graphs.CLASS).type);
  }

  private String theirs(String ours) {
    return names.getOrDefault(ours, ours);
  }
}
