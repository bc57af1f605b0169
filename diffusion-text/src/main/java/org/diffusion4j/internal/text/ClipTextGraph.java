package org.diffusion4j.internal.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The text transformer of CLIP (Radford et al. 2021, arXiv:2103.00020), with the names of the
 * library transformers: causal self-attention and a feed-forward layer in each of several residual
 * blocks, each after a layer norm.
 *
 * <p>A graph is for rows of {@code positions} ids. Shorter texts are padded with any ids, because
 * no id has an effect on those before it.
 *
 * @param vocabulary rows of the token table
 * @param positions ids of a text
 * @param width of an embedding
 * @param inner width within a feed-forward layer
 * @param layers number of blocks
 * @param heads of the attention
 * @param eps the number that is added to a variance
 * @param quick whether the activation is the quick GELU; otherwise it is the exact one
 * @param projection width of the projected pooled embedding, or 0 for none
 */
public record ClipTextGraph(
    int vocabulary,
    int positions,
    int width,
    int inner,
    int layers,
    int heads,
    double eps,
    boolean quick,
    int projection) {

  /** Added to the scores of later ids: their weights become 0. */
  public static final float LATER = -2e9f;

  private static final double DEVIATION = 0.02;
  private static final String TOKENS = "text_model.embeddings.token_embedding.weight";
  private static final String POSITIONS = "text_model.embeddings.position_embedding.weight";
  private static final String FINAL_NORM = "text_model.final_layer_norm";
  private static final String PROJECTION = "text_projection";

  private static String layer(int i) {
    return "text_model.encoder.layers." + i;
  }

  /** The shapes of the weights, without a prefix. */
  public Map<String, long[]> shapes() {
    var shapes = new WeightShapes();
    shapes.add(TOKENS, vocabulary, width);
    shapes.add(POSITIONS, positions, width);
    for (int i = 0; i < layers; i++) {
      shapes.norm(layer(i) + ".layer_norm1", width);
      for (String part : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
        shapes.dense(layer(i) + ".self_attn." + part, width, width);
      }
      shapes.norm(layer(i) + ".layer_norm2", width);
      shapes.dense(layer(i) + ".mlp.fc1", width, inner);
      shapes.dense(layer(i) + ".mlp.fc2", inner, width);
    }
    shapes.norm(FINAL_NORM, width);
    if (projection > 0) {
      shapes.denseWithoutBias(PROJECTION, width, projection);
    }
    return shapes.all();
  }

  /** Builds the graph for attention to all earlier ids. */
  public Hidden build(Layers graph, String prefix, SDVariable ids) {
    return build(graph, prefix, ids, causal(graph));
  }

  /**
   * Builds the graph.
   *
   * @param graph receives the operations
   * @param prefix of the names of the weights
   * @param ids INT or LONG {@code [n, positions]}, in [0, vocabulary)
   * @param bias added to the scores of the attention, broadcast to {@code [n, heads, positions,
   *     positions]}
   */
  public Hidden build(Layers graph, String prefix, SDVariable ids, SDVariable bias) {
    SDVariable tokens = graph.table(prefix + TOKENS, vocabulary, width, DEVIATION);
    SDVariable places = graph.table(prefix + POSITIONS, positions, width, DEVIATION);
    SDVariable x = graph.sd.reshape(graph.rows(tokens, ids), -1, positions, width).add(places);
    var states = new ArrayList<SDVariable>();
    states.add(graph.sd.reshape(x, -1, width));
    for (int i = 0; i < layers; i++) {
      states.add(block(graph, prefix + layer(i), states.get(i), bias));
    }
    UnaryOperator<SDVariable> norm = graph.layerNorm(prefix + FINAL_NORM, width, eps);
    return new Hidden(graph, prefix, states, norm, norm.apply(states.get(layers)));
  }

  private SDVariable causal(Layers graph) {
    float[][][][] bias = new float[1][1][positions][positions];
    for (int query = 0; query < positions; query++) {
      for (int key = query + 1; key < positions; key++) {
        bias[0][0][query][key] = LATER;
      }
    }
    return graph.sd.constant(Nd4j.create(bias));
  }

  private SDVariable block(Layers graph, String name, SDVariable x, SDVariable bias) {
    SDVariable normed = graph.layerNorm(name + ".layer_norm1", x, width, eps);
    SDVariable h = x.add(attention(graph, name + ".self_attn", normed, bias));
    SDVariable inside =
        graph.dense(
            name + ".mlp.fc1", graph.layerNorm(name + ".layer_norm2", h, width, eps), width, inner);
    SDVariable active = quick ? graph.quickGelu(inside) : graph.gelu(inside);
    return h.add(graph.dense(name + ".mlp.fc2", active, inner, width));
  }

  private SDVariable attention(Layers graph, String name, SDVariable x, SDVariable bias) {
    SDVariable q = graph.dense(name + ".q_proj", x, width, width);
    SDVariable k = graph.dense(name + ".k_proj", x, width, width);
    SDVariable v = graph.dense(name + ".v_proj", x, width, width);
    SDVariable mixed = graph.attention(q, k, v, positions, positions, width, heads, bias);
    return graph.dense(name + ".out_proj", mixed, width, width);
  }

  /** What the blocks make of the ids. */
  public final class Hidden {

    private final Layers graph;
    private final String prefix;
    private final List<SDVariable> states;
    private final UnaryOperator<SDVariable> norm;
    private final SDVariable last;

    private Hidden(
        Layers graph,
        String prefix,
        List<SDVariable> states,
        UnaryOperator<SDVariable> norm,
        SDVariable last) {
      this.graph = graph;
      this.prefix = prefix;
      this.states = states;
      this.norm = norm;
      this.last = last;
    }

    /**
     * The result: the last block's output after the final layer norm, {@code [n, positions,
     * width]}.
     */
    public SDVariable last() {
      return sequences(last);
    }

    /**
     * The output of an earlier block.
     *
     * @param skip how many blocks to leave out at the end, in [0, layers]; all of them: the
     *     embeddings
     * @return {@code [n, positions, width]}
     */
    public SDVariable state(int skip) {
      return sequences(states.get(layers - skip));
    }

    /** {@link #state} after the final layer norm. */
    public SDVariable normed(int skip) {
      return skip == 0 ? last() : sequences(norm.apply(states.get(layers - skip)));
    }

    /**
     * One row of the result, projected if there is a projection.
     *
     * @param row one-hot rows that select it, {@code [n, 1, positions]}
     * @return {@code [n, projection]} or {@code [n, width]}
     */
    public SDVariable pooled(SDVariable row) {
      SDVariable selected = graph.sd.reshape(graph.sd.mmul(row, last()), -1, width);
      return projection == 0
          ? selected
          : graph.denseWithoutBias(prefix + PROJECTION, selected, width, projection);
    }

    private SDVariable sequences(SDVariable rows) {
      return graph.sd.reshape(rows, -1, positions, width);
    }
  }
}
