/** The build puts the text of a shader into the script. */
declare module "*.wgsl" {
  const text: string;
  export default text;
}
