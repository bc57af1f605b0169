package app;

import java.nio.file.Files;
import java.nio.file.Path;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Makes a small U-Net, saves and loads it, and samples from it. */
public final class Sample {

  private Sample() {}

  public static void main(String[] arguments) throws Exception {
    long start = System.nanoTime();
    String sampled = sample();
    System.out.printf("sampled %s in %.1f s%n", sampled, (System.nanoTime() - start) / 1e9);
  }

  /** The shape of the samples. */
  public static String sample() throws Exception {
    Path folder = Files.createTempDirectory("model");
    UNetConfig config = UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).normGroups(4).build();
    try (UNet model = UNet.create(config, NoiseSchedule.linear(100), 42)) {
      PretrainedModel.of(model).save(folder.resolve("model"));
    }
    try (PretrainedModel loaded = PretrainedModel.load(folder.resolve("model"));
        INDArray samples = new DdimSampler(5).sample(loaded.model(), 3)) {
      if (samples.isNaN().any()) {
        throw new IllegalStateException("samples are not finite");
      }
      return java.util.Arrays.toString(samples.shape());
    }
  }
}
