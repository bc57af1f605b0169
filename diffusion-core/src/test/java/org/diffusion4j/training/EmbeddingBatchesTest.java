package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Trainer;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Data whose samples come with embeddings of several tokens. */
class EmbeddingBatchesTest {

  @Test
  void batch_hasTheEmbeddingsOfItsSamples() {
    try (SameDiffDenoiser model = model()) {
      DataSet data = SampleIterator.of(new Tokens(), 2).build().next();
      try (Batch batch = new Batch(data, model)) {
        assertThat(tokens(batch.condition).shape()).containsExactly(2, 3, 2);
        assertThat(tokens(batch.condition).data().asFloat())
            .containsExactly(0, 1, 2, 3, 4, 5, 100, 101, 102, 103, 104, 105);
        assertThat(
                tokens(batch.withDropout(batch.condition, 1, Draws.at(1, 1)))
                    .maxNumber()
                    .intValue())
            .isZero();
        assertThat(tokens(batch.condition).maxNumber().intValue()).isEqualTo(105);
      }
    }
  }

  @Test
  void batch_ofAnotherWidth_isRefused() {
    try (SameDiffDenoiser model = model()) {
      DataSet data = new DataSet(Nd4j.zeros(DataType.FLOAT, 2, 1), Nd4j.zeros(2, 3, 4));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Batch(data, model))
          .withMessage(
              "labels must be embeddings of width 2, [n, 2] or [n, tokens, 2], but were"
                  + " [2, 3, 4]");
    }
  }

  @Test
  void train_withEmbeddings_reducesTheLoss() {
    try (SameDiffDenoiser model = model();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model)
                .optimizer(Optimizer.adam(0.05))
                .labelDropout(0.1)
                .build()) {
      SampleIterator data = SampleIterator.of(new Tokens(), 2).shuffle(1).build();
      Trainer.Report report = trainer.train(data, 100);

      assertThat(report.meanLoss()).isLessThan(report.firstLoss() / 2);
    }
  }

  private static INDArray tokens(Condition condition) {
    return condition.part(Condition.Embeddings.class).orElseThrow().tokens();
  }

  private static SameDiffDenoiser model() {
    SameDiff graph = SameDiff.create();
    SDVariable sample = graph.placeHolder("sample", DataType.FLOAT, -1, 1);
    graph.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable tokens = graph.placeHolder("encoder_hidden_states", DataType.FLOAT, -1, 3, 2);
    SDVariable weight = graph.var("w", Nd4j.ones(DataType.FLOAT, 6, 1).mul(0.01));
    SDVariable bias = graph.reshape(tokens, -1, 6).mmul(weight);
    sample.mul(graph.var("s", Nd4j.ones(DataType.FLOAT, 1, 1))).add("output", bias);
    return new SameDiffDenoiser(
        graph, new long[] {1}, NoiseSchedule.linear(100), Prediction.EPSILON);
  }

  /** Two samples with the tokens 0 to 5 and 100 to 105. */
  private record Tokens() implements SampleSource {

    @Override
    public int size() {
      return 2;
    }

    @Override
    public long[] sampleShape() {
      return new long[] {1};
    }

    @Override
    public void read(int index, float[] into) {
      into[0] = index;
    }

    @Override
    public int label(int index) {
      throw new IllegalStateException("no labels");
    }

    @Override
    public List<String> classNames() {
      return List.of();
    }

    @Override
    public long[] embeddingShape() {
      return new long[] {3, 2};
    }

    @Override
    public void readEmbeddings(int index, float[] into) {
      for (int i = 0; i < 6; i++) {
        into[i] = 100 * index + i;
      }
    }
  }
}
