package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxUNetTest {

  private static final Net TINY = new Net("tiny", 12, 2, 8, List.of(1, 2, 3));
  private static final Net TEXT = new Net("text", 12, 2, 32, List.of(1, 2), true);

  @TempDir private Path directory;

  @Test
  void write_hasAsManyParametersAsOurs() throws IOException {
    for (Net net : List.of(TEXT, TINY, Net.STANDARD, Net.FASHION, Net.CIFAR)) {
      long parameters = OnnxUNet.write(net, 1, directory.resolve("unet.onnx"));
      assertThat(parameters).isEqualTo(NetTest.parameters(net));
    }
  }

  @Test
  void write_givesWhatTheRuntimeRuns() throws IOException, OrtException {
    Path file = directory.resolve("unet.onnx");
    OnnxUNet.write(TINY, 1, file);
    float[] noise = predict(file, 10);
    float[] later = predict(file, 900);
    assertThat(noise).hasSize(2 * 12 * 12);
    for (float value : noise) {
      assertThat(value).isFinite();
    }
    assertThat(noise[0]).isNotEqualTo(noise[noise.length - 1]);
    assertThat(later).isNotEqualTo(noise);
  }

  @Test
  void write_ofANetworkOfTexts_givesWhatTheRuntimeRuns() throws IOException, OrtException {
    Path file = directory.resolve("unet.onnx");
    OnnxUNet.write(TEXT, 1, file);
    assertThat(directory.resolve("weights")).isRegularFile();
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    float[][] outputs = new float[2][];
    try (OrtSession session = environment.createSession(file.toString());
        OnnxTensor x = tensor(environment, waves(2 * 12 * 12), 1, 2, 12, 12);
        OnnxTensor t = tensor(environment, new float[] {10}, 1, 1)) {
      for (int i = 0; i < 2; i++) {
        float[] text = new float[Net.TOKENS * Net.TEXT_WIDTH];
        Arrays.fill(text, i);
        try (OnnxTensor texts = tensor(environment, text, 1, Net.TOKENS, Net.TEXT_WIDTH);
            OrtSession.Result result =
                session.run(
                    Map.of(OnnxUNet.SAMPLE, x, OnnxUNet.TIMESTEP, t, OnnxUNet.TEXT, texts))) {
          outputs[i] = ((OnnxTensor) result.get(0)).getFloatBuffer().array();
        }
      }
    }
    assertThat(outputs[0]).hasSize(2 * 12 * 12);
    assertThat(outputs[0][5]).isFinite();
    assertThat(outputs[1]).isNotEqualTo(outputs[0]);
  }

  private static float[] waves(int count) {
    float[] values = new float[count];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i);
    }
    return values;
  }

  private static float[] predict(Path model, float timestep) throws OrtException {
    float[] values = waves(2 * 12 * 12);
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession session = environment.createSession(model.toString());
        OnnxTensor x = tensor(environment, values, 1, 2, 12, 12);
        OnnxTensor t = tensor(environment, new float[] {timestep}, 1, 1);
        OrtSession.Result result = session.run(Map.of(OnnxUNet.SAMPLE, x, OnnxUNet.TIMESTEP, t))) {
      OnnxTensor output = (OnnxTensor) result.get(0);
      assertThat(output.getInfo().getShape()).containsExactly(1, 2, 12, 12);
      return output.getFloatBuffer().array();
    }
  }

  private static OnnxTensor tensor(OrtEnvironment environment, float[] values, long... shape)
      throws OrtException {
    return OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape);
  }
}
