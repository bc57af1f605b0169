package org.diffusion4j.engine.graph;

import java.util.Collection;
import java.util.Map;
import java.util.OptionalLong;
import org.diffusion4j.SampleLoss;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runs one graph: forward, and backward from a loss of a result. Inputs and results are found by
 * their names in the graph. Any number of threads may call at once.
 */
public interface GraphExecutor extends AutoCloseable {

  /**
   * Computes results.
   *
   * @param inputs arrays for the placeholders, those of the batch of one batch size
   * @param results their shapes by name, the batch first
   * @param precision of convolutions, where the executor has a choice
   * @return by name; owned by the caller
   * @throws UnplannableException if this cannot run the graph for these shapes
   * @throws IllegalStateException if this is closed, or if there is too little memory
   */
  Map<String, INDArray> outputs(
      Map<String, INDArray> inputs, Map<String, long[]> results, Precision precision);

  /**
   * Computes a loss of a result and its gradients.
   *
   * @param inputs arrays for the placeholders, those of the batch of one batch size
   * @param result the name of what the loss is a function of
   * @param shape of the result, the batch first
   * @param loss asked about each sample once, by several threads
   * @param masks of dropouts, or null to keep everything
   * @param of names of variables and placeholders
   * @return to be closed by the caller
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
   * The native memory that a call takes at its peak, in bytes, beyond the variables and the arrays
   * of the caller. Nothing of it is allocated to find out.
   *
   * @param inputs the shapes of the placeholders
   * @param results the shapes of what is computed, the batch first
   * @param of what the gradients are wanted of, empty for a forward run
   * @return empty if that cannot be told
   * @throws UnplannableException if this cannot run the graph for these shapes
   */
  OptionalLong bytes(
      Map<String, long[]> inputs, Map<String, long[]> results, Collection<String> of);

  /** The native memory that is held now, in use or for later calls, in bytes. */
  long heldBytes();

  /** Says that the variables were written to: the next run reads them anew. */
  void weightsChanged();

  /**
   * Frees what this holds, once nobody runs. The variables stay.
   *
   * @throws IllegalStateException if a callback of a run asks for it
   */
  @Override
  void close();
}
