package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Keeps the steps that a request asked for, and frees those that were not taken. */
final class Recorder implements SamplingListener, AutoCloseable {

  private final int every;
  private final boolean keepsNewest;
  private List<SamplingResult.Snapshot> trajectory = new ArrayList<>();
  private SamplingResult.@Nullable Snapshot newest;

  Recorder(SamplingRequest request) {
    every = request.trajectoryEvery();
    keepsNewest = request.keepsPartial();
  }

  /** The number of steps of a run that are kept in a trajectory. */
  static int length(SamplingRequest request, int steps) {
    int every = request.trajectoryEvery();
    return every == 0 ? 0 : (steps + every - 1) / every;
  }

  @Override
  public void onStep(SamplingListener.Step step) {
    boolean last = step.index() + 1 == step.steps();
    if (keepsNewest) {
      forgetNewest();
      newest =
          last
              ? null
              : new SamplingResult.Snapshot(
                  step.index(), step.t(), copy(step.x()), copy(step.x0()));
    }
    if (every > 0 && (last || (step.index() + 1) % every == 0)) {
      keep(step);
    }
  }

  private void keep(SamplingListener.Step step) {
    int place = step.index() / every;
    if (place == trajectory.size()) {
      trajectory.add(
          new SamplingResult.Snapshot(
              step.index(), step.t(), ofAll(step, step.x()), ofAll(step, step.x0())));
    }
    SamplingResult.Snapshot kept = trajectory.get(place);
    long n = step.x().size(0);
    rows(kept.x(), step.first(), n).assign(step.x());
    rows(kept.x0(), step.first(), n).assign(step.x0());
  }

  private static INDArray ofAll(SamplingListener.Step step, INDArray batch) {
    long[] shape = batch.shape().clone();
    shape[0] = step.count();
    return Nd4j.createUninitialized(DataType.FLOAT, shape);
  }

  private static INDArray copy(INDArray array) {
    return array.dup('c');
  }

  private static INDArray rows(INDArray array, long first, long n) {
    return array.get(NDArrayIndex.interval(first, first + n));
  }

  /** The trajectory; the caller then owns it. */
  List<SamplingResult.Snapshot> takeTrajectory() {
    List<SamplingResult.Snapshot> taken = trajectory;
    trajectory = List.of();
    return taken;
  }

  /** The current batch after its last step, if it is kept; the caller then owns it. */
  SamplingResult.@Nullable Snapshot takeNewest() {
    SamplingResult.Snapshot taken = newest;
    newest = null;
    return taken;
  }

  private void forgetNewest() {
    if (newest != null) {
      newest.close();
      newest = null;
    }
  }

  @Override
  public void close() {
    forgetNewest();
    trajectory.forEach(SamplingResult.Snapshot::close);
    trajectory = List.of();
  }
}
