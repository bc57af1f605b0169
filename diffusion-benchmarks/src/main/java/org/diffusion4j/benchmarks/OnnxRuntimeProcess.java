package org.diffusion4j.benchmarks;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/**
 * Times predictions of the network on ONNX Runtime. The arguments are a {@link Case}'s, the model
 * file of {@link OnnxUNet} and the number of its parameters.
 */
final class OnnxRuntimeProcess {

  private OnnxRuntimeProcess() {}

  public static void main(String[] args) {
    Child.main(OnnxRuntimeProcess::run, args);
  }

  private static long run(Case what, StepClock clock, String... arguments) throws OrtException {
    String model = arguments[arguments.length - 2];
    Net net = what.net();
    int batch = what.batch();
    Random random = new Random(1);
    int pixels = net.channels() * net.size() * net.size();
    long[] shape = {batch, net.channels(), net.size(), net.size()};
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = options(what.threads());
        OrtSession session = environment.createSession(model, options);
        OnnxTensor x =
            OnnxTensor.createTensor(environment, gaussian(random, batch * pixels, 1), shape);
        OnnxTensor t =
            OnnxTensor.createTensor(
                environment, gaussian(random, batch, 300), new long[] {batch, 1});
        OnnxTensor text =
            OnnxTensor.createTensor(
                environment,
                gaussian(random, batch * Net.TOKENS * Net.TEXT_WIDTH, 1),
                new long[] {batch, Net.TOKENS, Net.TEXT_WIDTH})) {
      Map<String, OnnxTensor> inputs = new HashMap<>();
      inputs.put(OnnxUNet.SAMPLE, x);
      inputs.put(OnnxUNet.TIMESTEP, t);
      if (net.takesText()) {
        inputs.put(OnnxUNet.TEXT, text);
      }
      while (clock.running()) {
        session.run(inputs).close();
        clock.tick();
      }
    }
    return Long.parseLong(arguments[arguments.length - 1]);
  }

  private static OrtSession.SessionOptions options(int threads) throws OrtException {
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(threads);
    options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
    return options;
  }

  private static FloatBuffer gaussian(Random random, int length, double deviation) {
    FloatBuffer values =
        ByteBuffer.allocateDirect(Float.BYTES * length)
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    for (int i = 0; i < length; i++) {
      values.put(i, (float) (deviation * random.nextGaussian()));
    }
    return values;
  }
}
