package org.diffusion4j.onnx;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import onnx.Onnx.GraphProto;
import onnx.Onnx.ModelProto;
import onnx.Onnx.OperatorSetIdProto;
import onnx.Onnx.ValueInfoProto;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;

/**
 * Writes a network as an ONNX file: its graph, its weights, and what a sampler must know of it.
 *
 * <pre>{@code
 * OnnxExport.of(model).write(Path.of("model.onnx"));
 * }</pre>
 *
 * <p>The file needs operator set 18, which ONNX Runtime has since 1.14. Its inputs have the names
 * of the graph's placeholders ({@link SameDiffDenoiser}) and any batch size:
 *
 * <table>
 * <caption>Inputs and output</caption>
 * <tr><th>name<th>type and shape<th>contents
 * <tr><td>{@code sample}<td>FLOAT {@code [batch, sampleShape...]}<td>the noisy samples
 * <tr><td>{@code timestep}<td>FLOAT {@code [batch]}<td>the timestep of each sample
 * <tr><td>{@code class_labels}<td>INT64 {@code [batch]}<td>the label of each sample; the number of
 *     classes for a sample without one
 * <tr><td>other conditions<td>FLOAT {@code [batch, ...]}<td>as the placeholders
 * <tr><td>{@code output}<td>FLOAT {@code [batch, outputShape...]}<td>the prediction
 * </table>
 */
public final class OnnxExport {

  private static final int IR_VERSION = 8;
  private static final int OPERATOR_SET = 18;

  private final SameDiffDenoiser model;
  private final long most;

  private OnnxExport(SameDiffDenoiser model, long most) {
    this.model = model;
    this.most = most;
  }

  /**
   * The export of a model, which must stay open and unchanged until it is written.
   *
   * @param model a U-Net, an MLP, a text-conditioned network or a graph of one's own
   */
  public static OnnxExport of(SameDiffDenoiser model) {
    return new OnnxExport(Objects.requireNonNull(model, "model"), OnnxFile.MOST_BYTES);
  }

  /**
   * The same export, whose weights are in a second file beside the first if one file would be
   * larger. Above 2 GB they always are, because an ONNX file cannot be larger. The second file is
   * named after the first: {@code model.onnx.<checksum>.data}.
   *
   * @param bytes the largest length of a single file, at least 0
   * @throws IllegalArgumentException if it is negative
   */
  public OnnxExport withDataBeyond(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException(
          "length of a single file must be at least 0 but was " + bytes);
    }
    return new OnnxExport(model, Math.min(bytes, OnnxFile.MOST_BYTES));
  }

  /**
   * Writes the model and replaces an existing file, all at once: whoever loads the file meanwhile
   * gets the old model or the new one.
   *
   * @param file usually {@code *.onnx}; missing parent directories are created
   * @throws IllegalArgumentException if an operation of the graph cannot be exported; the message
   *     names it, and nothing is written
   * @throws IllegalStateException if the model is closed, or was loaded frozen
   * @throws IOException naming the file
   */
  public void write(Path file) throws IOException {
    OnnxGraph graph = GraphExporter.export(model);
    GraphProto proto = graph.proto();
    new OnnxFile(head(proto), proto, graph.initializers()).write(file, most);
  }

  private ModelProto head(GraphProto graph) throws IOException {
    String conditions =
        graph.getInputList().stream()
            .map(ValueInfoProto::getName)
            .filter(name -> !name.equals(Graphs.SAMPLE) && !name.equals(Graphs.TIMESTEP))
            .collect(Collectors.joining(","));
    ModelProto.Builder head =
        ModelProto.newBuilder()
            .setIrVersion(IR_VERSION)
            .setProducerName(DiffusersFormat.OUR_LIBRARY)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(OPERATOR_SET));
    String version = version();
    if (version != null) {
      head.setProducerVersion(version);
    }
    Map<String, String> metadata = ModelMetadata.of(model).toMap(model.sampleShape(), conditions);
    metadata.forEach((key, value) -> head.addMetadataProps(OnnxFile.entry(key, value)));
    return head.build();
  }

  private static @Nullable String version() {
    return OnnxExport.class.getPackage().getImplementationVersion();
  }
}
