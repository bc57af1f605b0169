package org.diffusion4j.engine.graph;

import java.util.Collection;
import java.util.Map;
import java.util.OptionalLong;
import org.diffusion4j.SampleLoss;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runs a graph forward, and backward from a loss of a result. Inputs and results are identified by
 * their names in the graph. Thread-safe.
 */
public interface GraphExecutor extends AutoCloseable {

  /**
   * Computes results.
   *
   * @param inputs arrays for the placeholders; all batched ones have the same batch size
   * @param results shapes of the results by name, the batch first
   * @param precision of convolutions, if the executor has a choice
   * @return the results by name; owned by the caller
   * @throws UnplannableException if this cannot run the graph for these shapes
   * @throws IllegalStateException if this is closed, or if there is too little memory
   */
  Map<String, INDArray> outputs(
      Map<String, INDArray> inputs, Map<String, long[]> results, Precision precision);

  /**
   * Computes a loss of a result and its gradients.
   *
   * @param inputs arrays for the placeholders; all batched ones have the same batch size
   * @param result the name of the loss's input
   * @param shape of the result, the batch first
   * @param loss called once per sample, by several threads
   * @param masks dropout masks, or null for no dropout
   * @param of names of variables and placeholders
   * @return must be closed by the caller
   * @throws IllegalArgumentException if the result does not depend on one of them
   * @throws UnplannableException if this cannot run the graph for these shapes
   * @throws IllegalStateException if this is closed, or if there is too little memory
   */
  LossGradients gradients(
      Map<String, INDArray> inputs,
      String result,
      long[] shape,
      SampleLoss loss,
      @Nullable DropoutMasks masks,
      Collection<String> of);

  /**
   * The peak native memory of a call in bytes, without the variables and the caller's arrays.
   * Computed without allocating it.
   *
   * @param inputs the shapes of the placeholders
   * @param results the shapes of the results, the batch first
   * @param of names whose gradients are wanted, empty for a forward run
   * @return empty if unknown
   * @throws UnplannableException if this cannot run the graph for these shapes
   */
  OptionalLong bytes(
      Map<String, long[]> inputs, Map<String, long[]> results, Collection<String> of);

  /** The native memory that is currently allocated, in use or for later calls, in bytes. */
  long heldBytes();

  /**
   * Frees the memory that is kept only so that later calls need not allocate it. Copies of
   * variables stay.
   */
  void releaseIdle();

  /** Records that the variables were changed, so that the next run reads them again. */
  void weightsChanged();

  /**
   * Waits for current runs and frees the memory, but not the variables.
   *
   * @throws IllegalStateException if called by a callback of a run
   */
  @Override
  void close();
}
