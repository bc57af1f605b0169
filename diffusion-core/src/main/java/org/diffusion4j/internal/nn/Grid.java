package org.diffusion4j.internal.nn;

/**
 * How many dimensions convolutions and changes of resolution have: the two of an image, or the one
 * of a series, which is an image of height 1.
 */
public enum Grid {
  PLANE,
  LINE;

  /**
   * What holds for the height where something holds for the width: a kernel's size, a stride, a
   * padding or a factor.
   *
   * @param width what holds for the width
   * @param none what leaves the height as it is
   */
  public int height(int width, int none) {
    return this == PLANE ? width : none;
  }
}
