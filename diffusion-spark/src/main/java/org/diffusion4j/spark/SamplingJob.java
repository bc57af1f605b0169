package org.diffusion4j.spark;

import java.io.IOException;
import java.io.Serial;
import java.io.UncheckedIOException;
import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a task of a sampling job does: it maps rows of indices and conditions to rows of samples.
 *
 * @param model a model directory
 * @param fingerprint of the directory's contents
 * @param memory limit for each task in bytes, if there is one
 * @param form of a sample in a row
 */
record SamplingJob(
    SharedFolder model,
    String fingerprint,
    FromModel<? extends Sampler> sampler,
    FromModel<? extends Denoiser> denoiser,
    long seed,
    int batchSize,
    @Nullable Long memory,
    SampleForm form)
    implements MapPartitionsFunction<Row, Row> {

  @Serial private static final long serialVersionUID = 1;

  @Override
  public Iterator<Row> call(Iterator<Row> rows) throws IOException {
    if (!rows.hasNext()) {
      return rows;
    }
    ExecutorModels.Loaded loaded = ExecutorModels.SHARED.use(model.uri() + fingerprint, model);
    TaskContext.get()
        .addTaskCompletionListener(
            context -> {
              loaded.close();
            });
    return new SampledRows(rows, this, sampler.of(loaded.model()), denoiser.of(loaded.model()));
  }

  SamplingRequest request(ConditionRows conditions, Denoiser network) {
    SamplingRequest.Builder request =
        SamplingRequest.builder(conditions.size())
            .batchSize(batchSize)
            .noise(new IndexedNoise(NoiseSource.perSample(seed), conditions.indices()))
            .condition(conditions.condition(network));
    if (memory != null) {
      request.memoryLimit(memory);
    }
    return request.build();
  }

  Row row(ConditionRows conditions, int i, INDArray sample) {
    try {
      return conditions.row(i, seed, form.of(sample));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
