// All kernels. The memory is the caller's; nothing is allocated here.
export * from "./entropy";
export {
  dense, embed, lapColumns, lapRows, means, modulate, near, pixels, place, scale, shuffle, tokens,
  windows,
} from "./synthesis";
