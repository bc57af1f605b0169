package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class UNetLawsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);

  @Property(tries = 12, seed = "1", shrinking = ShrinkingMode.OFF)
  void predict_byAnySmallUNet_isAFunctionOfSeedAndSampleAlone(
      @ForAll("configs") UNetConfig config, @ForAll @IntRange(min = 1, max = 3) int n) {
    Random random = new Random(n);
    long[] shape = {n, config.sampleChannels(), config.height(), config.width()};
    float[] values = new float[(int) (shape[0] * shape[1] * shape[2] * shape[3])];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    INDArray x = Nd4j.create(values, shape, 'c');
    INDArray t = Nd4j.createFromArray(random(random, n));
    Condition condition = condition(config, n);

    INDArray y;
    try (UNet model = UNet.create(config, SCHEDULE, 1)) {
      y = model.predict(x, t, condition);
      assertThat(y.shape()).isEqualTo(shape);
      assertThat(y.sumNumber().doubleValue()).isFinite();
      for (int i = 0; i < n; i++) {
        long[] one = shape.clone();
        one[0] = 1;
        INDArray alone =
            model.predict(
                x.get(org.nd4j.linalg.indexing.NDArrayIndex.interval(i, i + 1)).dup().reshape(one),
                Nd4j.createFromArray(t.getFloat(i)),
                condition.slice(i, i + 1));
        assertThat(largest(alone.reshape(-1).sub(y.slice(i).dup('c').reshape(-1))))
            .isLessThan(1e-4);
      }
    }
    try (UNet same = UNet.create(config, SCHEDULE, 1);
        UNet other = UNet.create(config, SCHEDULE, 2)) {
      assertThat(same.predict(x, t, condition)).isEqualTo(y);
      assertThat(largest(other.predict(x, t, condition).sub(y))).isGreaterThan(1e-3);
    }
  }

  private static double largest(INDArray values) {
    return values.amaxNumber().doubleValue();
  }

  private static float[] random(Random random, int n) {
    float[] times = new float[n];
    for (int i = 0; i < n; i++) {
      times[i] = random.nextInt(100);
    }
    return times;
  }

  private static Condition condition(UNetConfig config, int n) {
    if (config.classes().embedding() == ClassEmbedding.NONE) {
      return Condition.none();
    }
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      labels[i] = i % 2;
    }
    return Condition.labels(labels);
  }

  @Provide
  Arbitrary<UNetConfig> configs() {
    Arbitrary<Block[]> blocks =
        Arbitraries.of(Block.PLAIN, Block.ATTENTION, Block.RESNET)
            .array(Block[].class)
            .ofMinSize(1)
            .ofMaxSize(3);
    return Combinators.combine(
            blocks,
            Arbitraries.integers().between(1, 3),
            Arbitraries.of(4, 8),
            Arbitraries.of(ClassEmbedding.NONE, ClassEmbedding.TABLE, ClassEmbedding.TIMESTEP),
            Arbitraries.of(TimeInjection.class),
            Arbitraries.of(Resampling.class),
            Arbitraries.of(true, false),
            Arbitraries.of(2, 4))
        .as(
            (down, channels, base, classes, injection, resampling, mid, groups) -> {
              Integer[] widths = new Integer[down.length];
              for (int i = 0; i < widths.length; i++) {
                widths[i] = base * (i + 1);
              }
              UNetConfig.Builder builder = UNetConfig.builder(channels, 4, 8);
              if (classes != ClassEmbedding.NONE) {
                builder.classes(2);
              }
              return builder
                  .blockOutChannels(widths)
                  .downBlocks(down)
                  .layersPerBlock(1)
                  .normGroups(groups)
                  .attentionHeadDim(mid ? 4 : null)
                  .midAttention(mid)
                  .timeInjection(injection)
                  .downsampling(resampling)
                  .upsampling(resampling)
                  .classEmbedding(classes)
                  .build();
            });
  }
}
