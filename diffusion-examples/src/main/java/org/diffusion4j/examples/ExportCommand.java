package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.onnx.OnnxExport;
import org.diffusion4j.pretrained.PretrainedModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes the network of a saved model as an ONNX file. */
@Command(
    name = "export",
    description = "Writes the network of a model directory as an ONNX file.",
    mixinStandardHelpOptions = true)
final class ExportCommand extends ExampleCommand {

  @Option(
      names = "--model",
      description =
          "Model directory, or fashion for the one that comes with the examples"
              + " (${DEFAULT-VALUE}).")
  private Path model = Path.of("out/digits/model");

  @Option(names = "--out", description = "Output file, .onnx (${DEFAULT-VALUE}).")
  private Path file = Path.of("out/model.onnx");

  @Override
  public Integer call() throws IOException {
    require(file.toString().endsWith(".onnx"), "--out must end in .onnx: " + file);
    try (PretrainedModel trained = Clothes.orModel(model)) {
      OnnxExport.of(trained.model()).write(file);
    }
    out().println("written  " + file);
    return 0;
  }
}
