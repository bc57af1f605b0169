package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.diffusion4j.CancelToken;
import org.diffusion4j.SamplingCancelledException;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Draws grey pictures out of large noise, each step in a given time. */
final class SlowModel extends PictureModel {

  private static final int SIZE = 64;

  private final Duration step;
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch cancelled = new CountDownLatch(1);
  private final List<Integer> batches = Collections.synchronizedList(new ArrayList<>());

  SlowModel(Duration step) {
    this.step = step;
  }

  CountDownLatch begun() {
    return begun;
  }

  CountDownLatch cancelled() {
    return cancelled;
  }

  /** The sizes of the batches so far. */
  List<Integer> batches() {
    return List.copyOf(batches);
  }

  @Override
  Traits traits() {
    return new Traits("slow", Kind.PLAIN, List.of(), 3, SIZE, SIZE, false, 1000);
  }

  @Override
  INDArray draw(Order.Method method, List<Sample> samples, Watcher watcher, CancelToken token) {
    batches.add(samples.size());
    begun.countDown();
    List<BufferedImage> previews = Stream.generate(SlowModel::noise).limit(samples.size()).toList();
    for (int i = 0; i < method.steps(); i++) {
      sleep();
      if (token.isCancelled()) {
        cancelled.countDown();
        throw new SamplingCancelledException("sampling was cancelled", 0, null, null);
      }
      watcher.onStep(i, method.steps(), () -> previews);
    }
    return Nd4j.zeros(DataType.FLOAT, samples.size(), 3, SIZE, SIZE);
  }

  private void sleep() {
    try {
      Thread.sleep(step.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static BufferedImage noise() {
    BufferedImage noise = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB);
    noise.setRGB(0, 0, SIZE, SIZE, new Random(3).ints(SIZE * SIZE).toArray(), 0, SIZE);
    return noise;
  }

  @Override
  public void close() {}
}
