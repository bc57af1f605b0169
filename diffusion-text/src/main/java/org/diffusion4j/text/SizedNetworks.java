package org.diffusion4j.text;

import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet2DConditionModel;

/**
 * A network for each size and number of tokens, as a graph has only one of them. All share the
 * weights of the first, but have copies in the layout of the kernels; so of those that are not in
 * use only the last is kept.
 */
final class SizedNetworks implements AutoCloseable {

  private static final int MOST_KEPT = 1;

  private record Size(int height, int width, int tokens) {}

  private static final class Entry {
    private final SameDiffDenoiser model;
    private int users;

    Entry(SameDiffDenoiser model) {
      this.model = model;
    }
  }

  /** A network in use. */
  final class Lease implements AutoCloseable {

    private final Entry entry;

    private Lease(Entry entry) {
      this.entry = entry;
    }

    SameDiffDenoiser network() {
      return entry.model;
    }

    @Override
    public void close() {
      release(entry);
    }
  }

  private final SameDiffDenoiser network;
  private final Map<Size, Entry> others = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  SizedNetworks(SameDiffDenoiser network) {
    this.network = network;
  }

  /**
   * Checks that there can be a network for samples of a size.
   *
   * @throws IllegalArgumentException if not
   */
  void require(int height, int width) {
    long[] shape = network.sampleShape();
    if (!(network instanceof UNet2DConditionModel) && (shape[1] != height || shape[2] != width)) {
      throw new IllegalArgumentException(
          "samples must have the network's size, "
              + shape[1]
              + " x "
              + shape[2]
              + ", but would have "
              + height
              + " x "
              + width);
    }
  }

  /**
   * A network for a size.
   *
   * @param tokens of a text; without effect if the network takes none
   * @return to be closed after use
   * @throws IllegalStateException if this is closed
   */
  synchronized Lease lease(int height, int width, int tokens) {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    if (!(network instanceof UNet2DConditionModel model)) {
      return new Lease(new Entry(network));
    }
    long[] own = {model.config().height(), model.config().width(), model.config().tokens()};
    if (Arrays.equals(own, new long[] {height, width, tokens})) {
      return new Lease(new Entry(network));
    }
    Entry entry =
        others.computeIfAbsent(
            new Size(height, width, tokens),
            size -> new Entry(model.resized(height, width, tokens)));
    entry.users++;
    return new Lease(entry);
  }

  private synchronized void release(Entry entry) {
    entry.users--;
    int surplus = closed ? others.size() : others.size() - MOST_KEPT;
    Iterator<Entry> oldest = others.values().iterator();
    while (surplus > 0 && oldest.hasNext()) {
      Entry next = oldest.next();
      if (next.users == 0) {
        next.model.close();
        oldest.remove();
        surplus--;
      }
    }
  }

  /** Must be called after a change of weights: all networks have copies of them. */
  synchronized void weightsChanged() {
    network.weightsChanged();
    others.values().forEach(entry -> entry.model.weightsChanged());
  }

  /** Frees the weights. Networks in use fail at their next call. */
  @Override
  public synchronized void close() {
    closed = true;
    others
        .values()
        .removeIf(
            entry -> {
              entry.model.close();
              return true;
            });
    network.close();
  }
}
