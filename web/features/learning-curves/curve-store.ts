/** How the two charts are drawn: shared, so that they zoom and smooth together. */
import { create } from 'zustand';

export interface CurveView {
  /** Weight of the past in the moving average, [0, 0.99]; 0 is off. */
  smoothing: number;
  isLogLoss: boolean;
  /** Steps in view; null is all of them. */
  zoom: { min: number; max: number } | null;
}

export const useCurveView = create<CurveView>()(() => ({
  smoothing: 0.9,
  isLogLoss: false,
  zoom: null,
}));
