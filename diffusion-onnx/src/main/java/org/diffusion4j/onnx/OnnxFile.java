package org.diffusion4j.onnx;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;
import onnx.Onnx.GraphProto;
import onnx.Onnx.ModelProto;
import onnx.Onnx.StringStringEntryProto;
import onnx.Onnx.TensorProto;
import org.diffusion4j.internal.AtomicFiles;
import org.nd4j.shade.protobuf.CodedOutputStream;
import org.nd4j.shade.protobuf.WireFormat;

/**
 * Writes a model whose weights are not in memory as protocol buffers: inside of its file, or in a
 * file of data beside it.
 *
 * @param head the model without its graph
 * @param graph the graph without its weights
 * @param weights the weights
 */
record OnnxFile(ModelProto head, GraphProto graph, List<Initializer> weights) {

  /** What protocol buffers can hold, less some room for the lengths of what contains it. */
  static final long MOST_BYTES = Integer.MAX_VALUE - 1024L;

  /** Smaller constants stay in the model's file, where shape inference sees them. */
  private static final int LEAST_OUTSIDE = 1024;

  /** So that each weight can be mapped. */
  private static final long PAGE = 4096;

  /**
   * Writes the model.
   *
   * @param most the file is divided if it would have more bytes
   */
  void write(Path file, long most) throws IOException {
    long inside = graph.getSerializedSize() + weights.stream().mapToLong(this::inside).sum();
    if (head.getSerializedSize() + inside <= most) {
      AtomicFiles.writeFile(file, path -> writeModel(path, weights, List.of()));
      deleteData(file, "");
    } else {
      writeDivided(file);
    }
  }

  /** The data's name has its checksum: an older model in this place keeps its data until then. */
  private void writeDivided(Path file) throws IOException {
    List<Initializer> within = weights.stream().filter(w -> w.bytes() < LEAST_OUTSIDE).toList();
    List<Initializer> outside = weights.stream().filter(w -> w.bytes() >= LEAST_OUTSIDE).toList();
    CRC32C sum = new CRC32C();
    writeData(new CheckedOutputStream(OutputStream.nullOutputStream(), sum), outside);
    String name = String.format("%s.%08x.data", file.getFileName(), sum.getValue());
    AtomicFiles.writeFile(
        file.resolveSibling(name),
        path -> {
          try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(path))) {
            writeData(out, outside);
          }
        });
    AtomicFiles.writeFile(file, path -> writeModel(path, within, external(outside, name)));
    deleteData(file, name);
  }

  private static void writeData(OutputStream out, List<Initializer> outside) throws IOException {
    for (Initializer weight : outside) {
      weight.writeTo(out);
      out.write(new byte[(int) (padded(weight.bytes()) - weight.bytes())]);
    }
  }

  private static long padded(long bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
  }

  private static List<TensorProto> external(List<Initializer> outside, String data) {
    long[] offset = {0};
    return outside.stream()
        .map(
            weight -> {
              TensorProto tensor =
                  weight
                      .header()
                      .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                      .addExternalData(entry("location", data))
                      .addExternalData(entry("offset", String.valueOf(offset[0])))
                      .addExternalData(entry("length", String.valueOf(weight.bytes())))
                      .build();
              offset[0] += padded(weight.bytes());
              return tensor;
            })
        .toList();
  }

  static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** Deletes the data of models that were in this place before. */
  private static void deleteData(Path file, String kept) throws IOException {
    Pattern data =
        Pattern.compile(
            Pattern.quote(String.valueOf(file.getFileName())) + "\\.[0-9a-f]{8}\\.data");
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      return;
    }
    try (Stream<Path> siblings = Files.list(folder)) {
      for (Path sibling : siblings.toList()) {
        String name = String.valueOf(sibling.getFileName());
        if (data.matcher(name).matches() && !name.equals(kept)) {
          Files.delete(sibling);
        }
      }
    }
  }

  /**
   * Writes the model as the protocol buffer {@code ModelProto}, with the graph as its last field
   * and the weights as the last fields of the graph.
   */
  private void writeModel(Path file, List<Initializer> within, List<TensorProto> external)
      throws IOException {
    GraphProto rest = graph.toBuilder().addAllInitializer(external).build();
    long length = rest.getSerializedSize() + within.stream().mapToLong(this::inside).sum();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      CodedOutputStream coded = CodedOutputStream.newInstance(out);
      head.writeTo(coded);
      coded.writeTag(ModelProto.GRAPH_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
      coded.writeUInt64NoTag(length);
      rest.writeTo(coded);
      for (Initializer weight : within) {
        TensorProto header = weight.header().build();
        coded.writeTag(GraphProto.INITIALIZER_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
        coded.writeUInt64NoTag(tensor(weight));
        header.writeTo(coded);
        coded.writeTag(TensorProto.RAW_DATA_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
        coded.writeUInt64NoTag(weight.bytes());
        coded.flush();
        weight.writeTo(out);
      }
      coded.flush();
    }
  }

  /** The length of a weight as a field of the graph. */
  private long inside(Initializer weight) {
    return field(GraphProto.INITIALIZER_FIELD_NUMBER, tensor(weight));
  }

  /** The length of a weight as a protocol buffer. */
  private static long tensor(Initializer weight) {
    return weight.header().build().getSerializedSize()
        + field(TensorProto.RAW_DATA_FIELD_NUMBER, weight.bytes());
  }

  private static long field(int number, long length) {
    return CodedOutputStream.computeTagSize(number)
        + CodedOutputStream.computeUInt64SizeNoTag(length)
        + length;
  }
}
