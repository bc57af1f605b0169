package org.diffusion4j.spark;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Queue;
import org.apache.spark.sql.Row;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Samples for rows of conditions, drawn in batches when they are asked for. */
final class SampledRows implements Iterator<Row> {

  private final Iterator<Row> given;
  private final SamplingJob job;
  private final Sampler sampler;
  private final Denoiser network;
  private final Queue<Row> drawn = new ArrayDeque<>();

  SampledRows(Iterator<Row> given, SamplingJob job, Sampler sampler, Denoiser network) {
    this.given = given;
    this.job = job;
    this.sampler = sampler;
    this.network = network;
  }

  @Override
  public boolean hasNext() {
    return !drawn.isEmpty() || given.hasNext();
  }

  @Override
  public Row next() {
    if (!hasNext()) {
      throw new NoSuchElementException("no more samples");
    }
    if (drawn.isEmpty()) {
      draw();
    }
    return drawn.remove();
  }

  private void draw() {
    ConditionRows conditions = ConditionRows.next(given, job.batchSize());
    var request = job.request(conditions, network);
    Condition condition = request.condition();
    try (var result = sampler.sample(network, request)) {
      for (int i = 0; i < conditions.size(); i++) {
        INDArray sample = result.samples().slice(i);
        drawn.add(job.row(conditions, i, sample));
      }
    } finally {
      condition.part(Condition.Embeddings.class).ifPresent(given -> given.tokens().close());
    }
  }
}
