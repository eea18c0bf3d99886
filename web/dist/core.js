var S=class extends Error{constructor(t,n){super(n);this.kind=t;this.name="TczError"}kind};function A(s){return new S("BadFile",s)}var qt=new Uint32Array(256).map((s,e)=>{for(let t=0;t<8;t++)e=e&1?3988292384^e>>>1:e>>>1;return e});function se(...s){let e=4294967295;for(let t of s)for(let n=0,r=t.length;n<r;n++)e=qt[(e^t[n])&255]^e>>>8;return~e>>>0}function Ve(s){return Uint8Array.of(s,s>>>8,s>>>16,s>>>24)}function Me(s){let e=[];for(;s>127;s=Math.floor(s/128))e.push(s%128|128);return Uint8Array.from([...e,s])}function P(s,e){let t=0;for(let n=0;n<5;n++){let r=s[e+n];if(r===void 0)throw A("the file is cut short inside a number");if(t+=(r&127)*128**n,r<128){if(r===0&&n)throw A("the file holds a number that is not in its shortest form");return[t,e+n+1]}}throw A("the file holds a number of more than five bytes")}function oe(s){return Array.from(s,e=>e.toString(16).padStart(2,"0")).join("")}function Y(s,e){return s.length===e.length&&s.every((t,n)=>t===e[n])}function qe(s){try{return new TextDecoder("utf-8",{fatal:!0}).decode(s),!0}catch{return!1}}var Yt=[3,4,5,6,7,8,9,10,11,13,15,17,19,23,27,31,35,43,51,59,67,83,99,115,131,163,195,227,258],Xt=[0,0,0,0,0,0,0,0,1,1,1,1,2,2,2,2,3,3,3,3,4,4,4,4,5,5,5,5,0],Jt=[1,2,3,4,5,7,9,13,17,25,33,49,65,97,129,193,257,385,513,769,1025,1537,2049,3073,4097,6145,8193,12289,16385,24577],Qt=[0,0,0,0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9,9,10,10,11,11,12,12,13,13],Zt=[16,17,18,0,8,7,9,6,10,5,11,4,12,3,13,2,14,1,15],U=class extends Error{constructor(t){super(t);this.reason=t}reason};function X(s,e=!1){let t=new Uint16Array(16);for(let a of s)t[a]++;t[0]=0;let n=new Uint16Array(16),r=1;for(let a=1;a<16;a++){if(r=2*r-t[a],r<0)throw new U("damaged");a<15&&(n[a+1]=n[a]+t[a])}let i=t.findLastIndex(a=>a);if(r>0&&i>0&&(e||i>1))throw new U("damaged");let o=new Uint16Array(s.length);for(let a=0;a<s.length;a++)s[a]&&(o[n[s[a]]++]=a);return{counts:t,symbols:o}}var Ye={literals:X([...Array(144).fill(8),...Array(112).fill(9),...Array(24).fill(7),...Array(8).fill(8)]),distances:X(Array(32).fill(5))},ke=class{constructor(e,t){this.data=e;this.out=t}data;out;at=2;bits=0;have=0;done=0;take(e){for(;this.have<e;){let n=this.data[this.at++];if(n===void 0)throw new U("length");this.bits|=n<<this.have,this.have+=8}let t=this.bits&(1<<e)-1;return this.bits>>>=e,this.have-=e,t}symbol({counts:e,symbols:t}){let n=0,r=0,i=0;for(let o=1;o<16;o++){n|=this.take(1);let a=e[o];if(n-a<r)return t[i+n-r];i+=a,r=r+a<<1,n<<=1}throw new U("damaged")}put(e){if(this.done===this.out.length)throw new U("length");this.out[this.done++]=e}stored(){this.bits=this.have=0;let[e,t,n,r]=this.data.subarray(this.at,this.at+4);if(r===void 0)throw new U("length");let i=e|t<<8;if(i!==(~(n|r<<8)&65535))throw new U("damaged");let o=this.data.subarray(this.at+4,this.at+4+i);if(this.at+=4+i,o.length<i||this.done+i>this.out.length)throw new U("length");this.out.set(o,this.done),this.done+=i}compressed(e,t){for(;;){let n=this.symbol(e);if(n===256)return;if(n<256){this.put(n);continue}if(n>285)throw new U("damaged");let r=Yt[n-257]+this.take(Xt[n-257]),i=this.symbol(t);if(i>29)throw new U("damaged");let o=Jt[i]+this.take(Qt[i]);if(o>this.done)throw new U("damaged");for(let a=0;a<r;a++)this.put(this.out[this.done-o])}}dynamic(){let e=[this.take(5)+257,this.take(5)+1];if(e[0]>286||e[1]>30)throw new U("damaged");let t=new Uint8Array(19);for(let i=0,o=this.take(4)+4;i<o;i++)t[Zt[i]]=this.take(3);let n=X(t,!0),r=[];for(;r.length<e[0]+e[1];){let i=this.symbol(n);if(i<16)r.push(i);else if(i===16){let o=r.at(-1);if(o===void 0)throw new U("damaged");for(let a=this.take(2)+3;a;a--)r.push(o)}else for(let o=i===17?this.take(3)+3:this.take(7)+11;o;o--)r.push(0)}if(r.length>e[0]+e[1]||!r[256])throw new U("damaged");this.compressed(X(r.slice(0,e[0])),X(r.slice(e[0])))}run(){let[e,t]=this.data;if(e===void 0||t===void 0)throw new U("length");if(!((e&15)===8&&e>>4<8&&!(t&32))||(e*256+t)%31)throw new U("damaged");for(let o=0;!o;){o=this.take(1);let a=this.take(2);if(a===0)this.stored();else if(a===1)this.compressed(Ye.literals,Ye.distances);else if(a===2)this.dynamic();else throw new U("damaged")}if(this.done!==this.out.length)throw new U("length");let r=this.data.subarray(this.at);if(r.length!==4)throw new U("length");let i=en(this.out);if([24,16,8,0].some((o,a)=>(i>>>o&255)!==r[a]))throw new U("damaged")}};function en(s){let e=1,t=0;for(let n=0;n<s.length;n+=3800){let r=Math.min(n+3800,s.length);for(let i=n;i<r;i++)t+=e+=s[i];e%=65521,t%=65521}return(t<<16|e)>>>0}function ie(s,e){let t=new Uint8Array(e);return new ke(s,t).run(),t}var tn=63,Xe=64,Je=128,W=(s,e)=>e.maxSection,nn={alpha:{number:1,ancillary:!1,limit:s=>2*s+4096,pixels:!0},exact:{number:2,ancillary:!1,limit:s=>4*s+4096,pixels:!0},blocks:{number:3,ancillary:!1,limit:s=>4*s+4096,pixels:!0},icc:{number:16,ancillary:!0,limit:W},exif:{number:17,ancillary:!0,limit:W},xmp:{number:18,ancillary:!0,limit:W},comment:{number:19,ancillary:!0,limit:W},source:{number:20,ancillary:!0,limit:()=>100,check:s=>s.length&&s.every(e=>e>=32&&e<127)?void 0:"section source is not the name of a mode in printable ASCII"},resolution:{number:21,ancillary:!0,limit:W},preview:{number:22,ancillary:!0,limit:W}},J=s=>s&tn;function Qe(s,e,t,n){let i=Object.entries(nn).find(([,f])=>f.number===J(s));if(!i){if(s&Je)return;throw A(`the file needs section ${J(s)}, which this version does not know`)}let[o,a]=i;if(a.pixels&&s&Xe)throw A(`the ${o} section is deflated twice`);if(!!(s&Je)!==a.ancillary)throw A(`section ${o} has a wrong ancillary bit`);let u=a.limit(t,n),l=!!(s&Xe),[c,h]=l?P(e,0):[e.length,0];if(c>u)throw new S("LimitExceeded",`${o} of ${c} bytes is above ${u}`);let m=l?rn(o,e.subarray(h),c):e,d=a.check?.(m);if(d)throw A(d);return[o,m]}function rn(s,e,t){try{return ie(e,t)}catch(n){if(!(n instanceof U))throw n;let r=n.reason==="length"?" to the length it announces":"";throw A(`${s} does not inflate${r}`)}}var ae=1024,sn=Uint8Array.of(137,84,67,90),Ze=1,Ue=10,et=1,tt=2,nt=1e3,rt=65535,st=1<<24,ot=32,G=4,Se={maxPixels:2e8,maxSection:1<<25};function it(s,e=Se){if(!s.length)throw A("the file is empty");if(!Y(s.subarray(0,4),sn))throw A("this is not a .tcz file");if(s.length<Ue)throw A("the file is cut short inside its header");let t=s[4]>>4,n=s[4]&15;if(t!==Ze)throw A(`format version ${t}; this program reads version ${Ze}`);if(n&~(et|tt))throw A("the file uses a feature of a later version of the format");let[r,i]=P(s,Ue),[o,a]=P(s,i);on(r,o,e);let[u,l]=P(s,a);if(u>nt)throw A(`setting ${u} is above ${nt}`);let[c,h]=[0,l];if(n&tt&&([c,h]=P(s,h),c<1||c>ot))throw A(`the header announces ${c} sections, not 1 .. ${ot}`);let m=oe(s.subarray(5,Ue));return{width:r,height:o,setting:u,modelId:m,grey:!!(n&et),sections:c,size:h}}function on(s,e,t){let n=r=>{throw new S("LimitExceeded",r)};if((s<1||e<1)&&n(`a picture of ${s} x ${e} pixels has no pixels`),Math.max(s,e)>rt&&n(`${s} x ${e} pixels: a side may have at most ${rt} pixels`),s*e>t.maxPixels){let r=Number((t.maxPixels/1e6).toPrecision(6));n(`${s} x ${e} pixels is above the limit of ${r} megapixels`)}}function ce(s,e=Se){let t=it(s,e),n=s.subarray(0,t.size),[r,i]=an(s,t),o=i,a=new Uint8Array(0),u=(m,d)=>{if(m>s.length-o-G)throw A("the file is cut short");let f=s.subarray(o,o+G),b=s.subarray(o+G,o+G+m);o+=G+m;let p=Y(f,Ve(se(a,n,d,Me(m),b)));return a=f,p?b:void 0},l=r.map((m,d)=>{let f=u(m,Me(d));if(f)return f;let b=r.length>1?` in tile group ${d} of ${r.length}`:"";throw A(`the file is damaged${b}: the checksum does not match`)}),c={},h=0;for(let m=0;m<t.sections;m++){let d=s[o];if(d===void 0)throw A("the file is cut short: a section is missing");let[f,b]=P(s,o+1);o=b;let p=u(f,Uint8Array.of(d));if(!p)throw A("the file is damaged in a section: the checksum does not match");if(J(d)<=h)throw A("the sections of the file are out of order");h=J(d);let g=Qe(d,p,t.width*t.height,e);g&&(c[g[0]]=g[1])}if(o!==s.length)throw A(`${s.length-o} bytes follow the end of the file's content`);if(c.exact&&(c.blocks||l.some(m=>m.length)))throw A("the file holds its pixels twice");return{...t,tiles:l,bodies:c}}function an(s,e){let t=Math.ceil(e.width/ae)*Math.ceil(e.height/ae),n=e.sections?t:t-1;if(n+t*G>s.length-e.size)throw A(`the file is too short for its ${t} tile group${t>1?"s":""}`);let r=[],i=l=>{if(l>st)throw A(`a tile group of ${l} bytes is above ${st}`);r.push(l)},o=e.size,a;for(let l=0;l<n;l++)[a,o]=P(s,o),i(a);let u=s.length-o-t*G-r.reduce((l,c)=>l+c,0);if(u<0)throw A("the file is cut short");return e.sections||i(u),[r,o]}var cn=Uint32Array.of(1779033703,3144134277,1013904242,2773480762,1359893119,2600822924,528734635,1541459225),Z=64,Q=64,ct=new Int32Array(Z);for(let s=2,e=0;e<Z;s++){let t=!0;for(let n=2;n*n<=s;n++)t&&=s%n>0;t&&(ct[e++]=Math.cbrt(s)%1*2**32)}async function ut(s){let{subtle:e}=crypto;return e?new Uint8Array(await e.digest("SHA-256",s)):un(s)}function un(s){let e=Int32Array.from(cn),t=s.length-s.length%Q;at(e,s.subarray(0,t));let n=s.length-t,r=new Uint8Array(n+9>Q?2*Q:Q);r.set(s.subarray(t)),r[n]=128,new DataView(r.buffer).setBigUint64(r.length-8,8n*BigInt(s.length)),at(e,r);let i=new DataView(new ArrayBuffer(4*e.length));return e.forEach((o,a)=>{i.setInt32(4*a,o)}),new Uint8Array(i.buffer)}function at(s,e){let t=new DataView(e.buffer,e.byteOffset,e.length),n=new Int32Array(Z);for(let r=0;r<e.length;r+=Q){for(let d=0;d<16;d++)n[d]=t.getInt32(r+4*d);for(let d=16;d<Z;d++){let[f,b]=[n[d-15],n[d-2]],p=B(f,7)^B(f,18)^f>>>3,g=B(b,17)^B(b,19)^b>>>10;n[d]=n[d-16]+p+n[d-7]+g}let[i,o,a,u,l,c,h,m]=s;for(let d=0;d<Z;d++){let f=B(l,6)^B(l,11)^B(l,25),b=m+f+(l&c^~l&h)+ct[d]+n[d],g=(B(i,2)^B(i,13)^B(i,22))+(i&o^i&a^o&a);[m,h,c,l,u,a,o,i]=[h,c,l,u+b|0,a,o,i,b+g|0]}[i,o,a,u,l,c,h,m].forEach((d,f)=>s[f]+=d)}}function B(s,e){return s>>>e|s<<32-e}var ln={gated:!1,dec_attention:1,renderer:0,one_pass:0,centroids:!1,trellis:0,spacing:[16,16],start:[]},lt=1,F=64,ue=class{constructor(e,t,n,r){this.id=e;this.config=t;this.tensors=n;this.realism=r;let{groups:i,coarse:o,patch:a,staged:u}=t;this.sizes=i.map((c,h)=>h<o?c:c/4);let l=(c,h)=>c+h;this.coarse=this.sizes.slice(0,o).reduce(l,0),this.fine=this.sizes.slice(o).reduce(l,0),this.token=a*(u?2:1)}id;config;tensors;realism;sizes;coarse;fine;token;tensor(e){let t=this.tensors.get(e);if(!t)throw L(`the tensor ${e} is missing`);return t}attending(e){let t=this.config.dec_attention,n=[];if(t)for(let r=Math.min(t,e)-1;r>=0&&r<e;r+=t)n.push(r);return n}},[hn,mn]=["model.safetensors","realism.safetensors"];async function dn(s){let{format:e,model_id:t,model:n,realism:r}=pn(await s("config.json"));if(e!==lt)throw L(`format ${e}; this program reads format ${lt}`);if(!n)throw L("config.json names no model");let i={...ln,...n};if(1e3%(i.knots-1)!==0)throw L(`knots - 1 must divide 1000, not be ${i.knots-1}`);fn(i);let o=async(l,c)=>{let[h,m]=yn(l,await s(l,c));if(await wn(n,m)!==c)throw L(`${l}: not the weights that config.json names`);return h},a=await o(hn,t),u=r&&(()=>o(mn,r.id));return new ue(t,i,a,u)}function fn({trellis:s,spacing:e,centroids:t}){let n=(a,u,l)=>Number.isInteger(a)&&a>=u&&a<=l;if(s!==0&&(!n(s,2,F-1)||t))throw L("trellis must be 0 or 2 to 63, and not together with centroids");if(!(Array.isArray(e)&&e.length===2)||!e.every(a=>n(a,2,64)))throw L("spacing must be two numbers from 2 to 64");let[i,o]=e;if(o%2)throw L("the second spacing must be even");if(!s&&(i!==16||o!==16))throw L("spacing other than 16 needs a trellis")}function pn(s){let e=ht("config.json",s);if(typeof e.model_id!="string")throw L("config.json names no model");return e}function ht(s,e){let t;try{t=JSON.parse(new TextDecoder().decode(e))}catch{}if(typeof t!="object"||!t)throw L(`${s} is damaged`);return t}function L(s){return new S("BadModel",s)}var bn=new Float32Array(65536).map((s,e)=>{let t=e>>10&31,n=(e&1023)/1024,r=t?(1+n)*2**(t-15):n*2**-14;return e&32768?-r:r}),gn={F16:["float16",s=>Float32Array.from(new Uint16Array(s),e=>bn[e]),2],F32:["float32",s=>new Float32Array(s),4],I8:["int8",s=>new Int8Array(s),1],U8:["uint8",s=>new Uint8Array(s),1],I32:["int32",s=>new Int32Array(s),4]};function yn(s,e){let t=new DataView(e.buffer,e.byteOffset,e.length),n=e.length<8?1/0:8+Number(t.getBigUint64(0,!0));if(n>e.length)throw L(`${s} is cut short`);let r=ht(s,e.subarray(8,n)),i=new Map,o=[];for(let[a,{dtype:u,shape:l,data_offsets:c}]of Object.entries(r)){if(a==="__metadata__")continue;let h=gn[u];if(!h)throw L(`the tensor ${a} is ${u}`);let m=e.subarray(n+c[0],n+c[1]),d=l.reduce((b,p)=>b*p,1);if(m.length!==d*h[2])throw L(`${s} is cut short`);i.set(a,{values:h[1](m.slice().buffer),shape:l});let f=l.length===1?`${l[0]},`:l.join(", ");o.push([a,`${a}|torch.${h[0]}|(${f})|`,m])}return[i,o]}async function wn(s,e){let t=new TextEncoder,n=[t.encode(An(s))];for(let[,i,o]of e.sort(([a],[u])=>a<u?-1:1))n.push(t.encode(i),o);let r=new Uint8Array(await new Blob(n).arrayBuffer());return oe((await ut(r)).subarray(0,8))}var vn=new Set(["lambda_min","lambda_max"]);function An(s){return`{${Object.entries(s).sort(([n],[r])=>n<r?-1:1).map(([n,r])=>{let i=vn.has(n)&&typeof r=="number";return`${dt(n)}: ${i?xn(r):mt(r)}`}).join(", ")}}`}function mt(s){return Array.isArray(s)?`[${s.map(mt).join(", ")}]`:dt(s)}function dt(s){let e=t=>`\\u${t.charCodeAt(0).toString(16).padStart(4,"0")}`;return JSON.stringify(s).replace(/[^ -~]/g,e)}function xn(s){return s!==0&&(Math.abs(s)<1e-4||Math.abs(s)>=1e16)?s.toExponential().replace(/e([+-])(\d)$/,"e$10$2"):Number.isInteger(s)?`${s}.0`:String(s)}function le({values:s,shape:e},t){let[n,r]=e,i=t*(n-1)/1e3,o=Math.min(Math.floor(i),n-2),a=i-o;return Float32Array.from({length:r},(u,l)=>s[o*r+l]*(1-a)+s[(o+1)*r+l]*a)}var Ee=[[-1,0],[1,0],[0,-1],[0,1]],Mn=[[-1,-1],[-1,1],[1,-1],[1,1]],ft=[-1,0,1].flatMap(s=>[-1,0,1].map(e=>[s,e])),kn=31,Un=3,Sn=8,pt=32,bt=128,En=64,j=s=>s%2===0,Tn=[{sites:(s,e)=>s%4===0&&e%4===0,distance:2,net:"far"},{sites:(s,e)=>s%4===2&&e%4===2,distance:2,net:"far"},{sites:(s,e)=>j(s)&&j(e)&&s%4===0!=(e%4===0),distance:2,net:"far"},{sites:(s,e)=>!j(s)&&!j(e),distance:1,net:"diagonal"},{sites:(s,e)=>!j(s+e),distance:1,net:"groups.0"}];function _n(s){return[{sites:(e,t)=>j(e+t),distance:1,net:s},{sites:(e,t)=>!j(e+t),distance:1,net:s}]}var Te=s=>Math.ceil(s/8)*8,he=class{constructor(e,t){this.machine=e;this.model=t;let{config:n}=t;this.span=Math.floor(1e3/(n.knots-1)),this.trellis=n.trellis||F,this.tables=this.readTables(),this.feature=e.put(t.tensor("int.feature").values),this.centroids=n.centroids?this.readCentroids():0,this.coder=e.zeros(64),this.counts=e.zeros(4*F),this.layer("hs"),this.layer("lift1"),this.layer("lift2");for(let r of[...n.groups.map((i,o)=>`groups.${o}`),"far","diagonal"])this.layer(`${r}.fc1`),this.layer(`${r}.fc2`),this.layer(`${r}.out`,Un)}machine;model;span;layers=new Map;tables;feature;centroids;trellis;coder;counts;biases=[];setting=-1;bases=new Int32Array(0);hyperIndex=new Uint8Array(0);readTables(){let e=this.model.tensor("int.tables").values,t=this.model.tensor("int.table_sizes").values,n=2*F-this.trellis;if(t.length!==n)throw new S("BadModel",`the model has ${t.length} symbol tables, not ${n}`);let r=new Int32Array(2*bt+3),i=0;return t.forEach((o,a)=>{let u=new Int32Array(o+1);for(let l=0,c=0;l<o;l++)c+=e[i+l],u[l+1]=Math.floor(c*(2**24-o)/65536)+l+1;i+=o,r.set([this.machine.put(u),(o-2)/2],2*a)}),r.set([0,2**23,2**24],2*bt),this.machine.put(r)}readCentroids(){let e=new Int32Array(4*F);return e.set(this.model.tensor("int.centroids").values,F),this.machine.put(e)}layer(e,t=0){let{machine:n,model:r}=this,{values:i,shape:o}=r.tensor(`int.${e}.weight`),[a,u]=o,l=Te(a),c=Te(u),h=new Int16Array(l*c);for(let p=0;p<a;p++){let g=(p>>2)*4*c+(p&3)*8;for(let y=0;y<u;y++)h[g+(y>>3)*32+(y&7)]=i[p*u+y]}let m=new Int32Array(l).fill(1);if(m.set(r.tensor(`int.${e}.shift`).values),t)for(let p=a/2;p<a;p++)m[p]-=t;let d=n.zeros(4*l),f=r.tensor(`int.${e}.bias`);this.biases.push(p=>{let g=f.shape[0]===1?f.values:this.interpolate(f,p),y=n.i32(d,a);for(let w=0;w<a;w++)y[w]=g[w]+(1<<m[w]-1)});let b=n.put(h);this.layers.set(e,{weights:b,bias:d,shift:n.put(m),outputs:l,inputs:c})}interpolate({values:e,shape:t},n){let{span:r}=this,[i,o]=t,a=Math.min(Math.floor(n/r),i-2),u=n-a*r;return Int32Array.from({length:o},(l,c)=>{let h=e[a*o+c]*(r-u)+e[(a+1)*o+c]*u;return Math.floor((h+Math.floor(r/2))/r)})}use(e){if(e===this.setting)return;for(let n of this.biases)n(e);this.bases=this.interpolate(this.model.tensor("int.base"),e);let t=this.interpolate(this.model.tensor("int.hyper_base"),e);this.hyperIndex=Uint8Array.from(t,n=>Math.min(63,Math.max(0,n+8>>4))),this.setting=e}present(e){if(!e.length)return[0,0];let t=this.model.sizes.length,[n,r]=t>Sn?P(e,0):[e[0],1];if(!n||n>=2**t)throw A("a tile group names latent groups that its model does not have");return[n,r]}decode(e,t,n,r,i){let{model:o,machine:a}=this,[u,l]=this.present(e);if(o.config.start.findIndex((f,b)=>u&1<<b&&f>t)>=0)throw A("a tile group names latent groups that its setting does not have");let h=u&(1<<i)-1,m=[n*r*o.coarse,4*n*r*o.fine];if(!h)return{coarse:new Int32Array(m[0]),fine:new Int32Array(m[1])};let d=e.subarray(l);if(d.at(-1)===0)throw A("a tile group's code ends in a zero byte");return this.use(t),a.within(()=>{let f=a.put(d,Math.ceil(d.length/4)*4);a.kernels.start(this.coder,f,Math.ceil(d.length/4));let b=a.zeros(4*m[0]),p=a.zeros(4*m[1]);if(this.walk(h,n,r,b,p),h===u&&!a.kernels.finished(this.coder))throw A("a tile group's code does not end where its symbols end");return{coarse:a.i32(b,m[0]).slice(),fine:a.i32(p,m[1]).slice()}})}walk(e,t,n,r,i){let{machine:o,model:a}=this,{config:u,sizes:l}=a,c=this.hyper(t,n),h=[],m=c,d=0,f=0,b=32-Math.clz32(e);for(let p=0;p<b;p++){let g=p>=u.coarse;p===u.coarse&&(m=this.lift(c,h,t,n),d=p);let[y,w]=g?[2*t,2*n]:[t,n],v=l[p],x=p<u.signed_groups?2*v:v,M={map:o.zeros(2*y*w*x),channels:x};if(e&1<<p){let E=g?a.fine:a.coarse,k=f-(g?a.coarse:0),_=(g?i:r)+4*k,I=h.slice(d),z=this.bases.subarray(f,f+v);this.group(p,{rows:y,columns:w,features:m,before:I,own:M,latents:_,all:E,bases:z})}h.push(M),f+=v}}group(e,t){let{machine:n,model:r}=this,{rows:i,columns:o,features:a,before:u,own:l,latents:c,all:h,bases:m}=t,{one_pass:d,signed_groups:f,spacing:b}=r.config,p=r.sizes[e],g=d>0&&e>=d,y=`groups.${e}`,w=e===0?Tn:g?[{sites:()=>!0,distance:1,net:y}]:_n(y),v=(k,[_,I]=[0,0],z=1)=>({...k,place:[_*z,I*z]}),x=[a,...u].map(k=>v(k)),M=u.at(-1);M&&g?x.push({...M,place:[0,0],mean:!0}):M&&x.push(...Ee.map(k=>v(M,k)));let E=n.put(m);w.forEach(({sites:k,distance:_,net:I},z)=>{let N=[];for(let $=0;$<i;$++)for(let C=0;C<o;C++)k($,C)&&N.push($<<16|C);N.length&&n.within(()=>{let $=e?Ee:[...Ee,...Mn],C=z&&!g?$.map(xe=>v(l,xe,_)):[],ve=N.length*p,Ke=n.alloc(4*ve),Ae=n.alloc(ve),We=n.put(Int32Array.from(N)),Kt=["fc1","fc2","out"].map(xe=>`${I}.${xe}`),Wt=[1,Ke,Ae,E,p];this.run(We,N.length,i,o,[...x,...C],Kt,Wt);let Vt=this.symbols(Ae,ve,this.trellis);n.points([We,N.length,Vt,Ke,Ae,p,this.centroids,c,4*h*o,4*h,l.map,o,+(e<f),this.feature,this.trellis,...b])})})}run(e,t,n,r,i,o,a){let{machine:u}=this,l=i.flatMap(({map:f,channels:b,place:p,mean:g})=>[f,b,...p,Number(g??!1)]),c=Te(i.reduce((f,b)=>f+b.channels,0)),h=o.map(f=>this.layers.get(f)),m=[e,n,r,u.put(Int32Array.from(l)),i.length,c,h.length,...a,...h.flatMap(f=>[f.weights,f.bias,f.shift,f.outputs,f.inputs])],d=h.reduce((f,b)=>f+4*b.outputs,2*c);u.run("context",m,t,(pt+1)*d,pt)}symbols(e,t,n=F){let{machine:r,coder:i,tables:o,counts:a}=this,u=r.alloc(4*t),l=r.alloc(4*t+8*Math.ceil(t/En));if(!r.kernels.pass(i,t,e,u,o,l,a,n))throw A("a latent is larger than the format allows");return u}hyper(e,t){let{machine:n,model:r}=this,{hyper:i,hidden:o}=r.config,[a,u]=[Math.ceil(e/2),Math.ceil(t/2)],l={map:n.zeros(2*e*t*o),channels:o};return n.within(()=>{let c=a*u*i,h=n.alloc(c);for(let b=0;b<a*u;b++)n.u8(h+b*i,i).set(this.hyperIndex);let m=n.i32(this.symbols(h,c),c);if(m.some(b=>Math.abs(b)>kn))throw A("a hyper-latent is larger than the format allows");let d=n.put(Int16Array.from(m,b=>4*b)),f=ft.map(b=>({map:d,channels:i,place:b}));this.run(this.grid(a,u),a*u,a,u,f,["hs"],[0,l.map,e,t,o])}),l}lift(e,t,n,r){let{machine:i,model:o}=this,a=o.config.fine_hidden,u={map:i.zeros(8*n*r*a),channels:a};return i.within(()=>{let l=ft.flatMap(m=>t.map(d=>({...d,place:m}))),c=[{...e,place:[0,0]},...l],h=[0,u.map,2*n,2*r,a];this.run(this.grid(n,r),n*r,n,r,c,["lift1","lift2"],h)}),u}grid(e,t){let n=new Int32Array(e*t);for(let r=0;r<n.length;r++)n[r]=Math.floor(r/t)<<16|r%t;return this.machine.put(n)}};var _e=16;function gt(s,e,t){let{sizes:n}=s;if(t===1)return n.length;let r=In(s,t),i=s.tensor("tcae.std").values.map(h=>h*h),o=le(s.tensor("tcae.log_step"),e).map(h=>2**h),a=0;r.forEach((h,m)=>a+=h*Math.min(o[m]**2/12,i[m]));let u=n.length,l=r.length,c=0;for(;u>1;){let h=l;l-=n[u-1];for(let m=l;m<h;m++)c+=r[m]*i[m];if(c>Math.max(a/6,.25))break;u--}return u}function In(s,e){let t=s.tensor("tcae.shortcut.basis").values,n=s.tensor("tcae.shortcut.merge").values,r=_e/e,i=3*r*r,o=t.length/(3*_e*_e),a=new Float64Array(o*i);for(let c=0;c<t.length;c++){let[h,m]=[c>>4&15,c&15],d=Math.floor(c/256)*r*r+Math.floor(h/e)*r;a[d+Math.floor(m/e)]+=t[c]/e**2}let u=s.coarse/4,l=new Float64Array(s.coarse+s.fine);for(let c=0;c<s.coarse;c++)for(let h=0;h<4;h++){let m=n.subarray(c*s.coarse+h*u,c*s.coarse+(h+1)*u);for(let d=0;d<i;d++){let f=0;for(let b=0;b<u;b++)f+=m[b]*a[b*i+d];l[c]+=f*f}}for(let c=u;c<o;c++){let h=0;for(let m=0;m<i;m++)h+=a[c*i+m]**2;l[s.coarse+c-u]=4*h}return l.map(c=>c*e**2/3072)}var Pn=10,zn=50,wt="the blocks section holds no AV1 of the form that is allowed";function vt(s,e){let{level:t,grey:n,width:r,height:i}=Ln(s);if(!e(r,i))throw A("the blocks section has not the size of the picture");let o=[0,0,0,0],a=R("ipco",[...R("ispe",[...o,...K(r,4),...K(i,4)]),...R("pixi",[...o,...n?[1,8]:[3,8,8,8]]),...R("av1C",[129,(n?0:32)|t,n?28:0,0]),...R("colr",[...H("nclx"),0,1,0,13,0,6,128])]),u=R("ipma",[...o,...K(1,4),0,1,4,1,2,131,4]),l=R("infe",[2,0,0,0,0,1,0,0,...H("av01"),0]),c=b=>R("meta",[...o,...R("hdlr",[...o,0,0,0,0,...H("pict"),...new Array(13).fill(0)]),...R("pitm",[...o,0,1]),...R("iloc",[...o,68,0,0,1,0,1,0,0,0,1,...K(b,4),...K(s.length,4)]),...R("iinf",[...o,0,1,...l]),...R("iprp",[...a,...u])]),h=R("ftyp",[...H("avif"),0,0,0,0,...H("avifmif1miaf")]),m=[...h,...c(h.length+c(0).length+8)],d=[...K(s.length+8,4),...H("mdat")],f=new Uint8Array(m.length+d.length+s.length);return f.set(m),f.set(d,m.length),f.set(s,m.length+d.length),f}var H=s=>Array.from(s,e=>e.charCodeAt(0)),K=(s,e)=>Array.from({length:e},(t,n)=>s>>>8*(e-1-n)&255),R=(s,e)=>[...K(e.length+8,4),...H(s),...e];function Ln(s){let[e,t]=yt(s,Pn),[,n]=yt(t,zn),r=0,i=p=>{let g=0;for(;p>0;p--,r++)g=2*g+((e[r>>3]??0)>>7-(r&7)&1);return g},[o,a,u,l]=[i(3),i(1),i(1),i(5)],[c,h]=[i(4)+1,i(4)+1],[m,d]=[i(c)+1,i(h)+1];i(6);let f=i(1),b=o===0&&i(1)===1;if(n.length||f||!a||!u||!(o===1||b))throw A(wt);return{level:l,grey:b,width:m,height:d}}function yt(s,e){let t=0;for(let n=0;n<4&&s[0]===e;n++){let r=s[1+n];if(r===void 0)break;if(t+=(r&127)*128**n,r<128){if(t>s.length-2-n)break;return[s.subarray(2+n,2+n+t),s.subarray(2+n+t)]}}throw A(wt)}var Rn=Uint8Array.of(137,80,78,71,13,10,26,10),Nn=0,$n=2;async function At(s,e,t){let n=s.bodies[e];if(n)return e==="alpha"&&n.length===2&&n[0]===0?new Uint8Array(s.width*s.height).fill(n[1]):Ie(s,e,n[0],n.subarray(1),t)}async function Ie({width:s,height:e},t,n,r,i){let o=n===1?"PNG":n===2?"WEBP":void 0;if(!o)throw A(`the ${t} section uses a method that this version does not know`);let a=o==="PNG"?Bn(r):Cn(r);if(a[0]!==s||a[1]!==e)throw A(`the ${t} section has not the size of the picture`);let u=`the ${t} section holds no ${o} of the form that is allowed`;if(o==="PNG"){let c=On(r,s,e,t!=="alpha");if(!c)throw A(u);return c}if(!Fn(r))throw A(u);let l;try{l=await i(r,s,e,"image/webp")}catch{throw A(`the ${t} section cannot be decoded`)}return t!=="alpha"?Pe(l):new Uint8Array(s*e).map((c,h)=>l[4*h+1])}function Pe(s){let e=new Uint8Array(s.length/4*3);for(let t=0;4*t<s.length;t++)for(let n=0;n<3;n++)e[3*t+n]=s[4*t+n];return e}function ze(s,e,t,n,r){if(r===1)return s;let i=Math.ceil(e/r),o=Math.ceil(t/r),a=new Uint8Array(i*o*n);for(let u=0;u<o;u++){let l=Math.min((u+1)*r,t);for(let c=0;c<i;c++){let h=Math.min((c+1)*r,e),m=(l-u*r)*(h-c*r);for(let d=0;d<n;d++){let f=m>>1;for(let b=u*r;b<l;b++)for(let p=c*r;p<h;p++)f+=s[(b*e+p)*n+d];a[(u*i+c)*n+d]=Math.floor(f/m)}}}return a}function ee(s){return new DataView(s.buffer,s.byteOffset,s.byteLength)}function te(s,e,t){return Array.from(t).every((n,r)=>s[e+r]===n.charCodeAt(0))}function Bn(s){return s.length<24||!te(s,12,"IHDR")?[0,0]:[ee(s).getUint32(16),ee(s).getUint32(20)]}function Cn(s){if(s.length<25||!te(s,12,"VP8L"))return[0,0];let e=ee(s).getUint32(21,!0);return[(e&16383)+1,(e>>>14&16383)+1]}function Fn(s){let e=ee(s),t=e.getUint32(16,!0),n=s.length===8+e.getUint32(4,!0)&&s.length===20+t+t%2&&!(t%2&&s[20+t]),r=s[20]===47&&e.getUint32(21,!0)<1<<28;return te(s,0,"RIFF")&&te(s,8,"WEBP")&&n&&r}function On(s,e,t,n){if(!Y(s.subarray(0,8),Rn))return;let r=Dn(s),[i,o,...a]=s.subarray(24,29);if(!r||!(n?i===8&&o===$n:o===Nn&&(i===1||i===8))||a.some(d=>d))return;let l=n?3:1,c=Math.ceil(e*i*l/8),h;try{h=ie(r,(1+c)*t)}catch(d){if(d instanceof U)return;throw d}let m=Gn(h,c,t,l);return!m||i===8?m:new Uint8Array(e*t).map((d,f)=>{let b=f%e;return m[Math.floor(f/e)*c+(b>>3)]>>7-(b&7)&1?255:0})}function Dn(s){let e=ee(s),t=[];for(let n=8,r=0;n+12<=s.length;r++){let i=n+12+e.getUint32(n);if(i>s.length)return;let o=s.subarray(n+4,i-4);if(se(o)!==e.getUint32(i-4))return;let a=["IHDR","IDAT","IEND"].find(u=>te(o,0,u));if(!a||a==="IHDR"!=(r===0)||!r&&o.length!==17)return;if(a==="IEND"){if(i!==s.length||o.length!==4)return;let u=new Uint8Array(t.reduce((c,h)=>c+h.length,0)),l=0;for(let c of t)u.set(c,l),l+=c.length;return u}a==="IDAT"&&t.push(o.subarray(4)),n=i}}function Gn(s,e,t,n){let r=new Uint8Array(e*t);for(let i=0;i<t;i++){let o=i*(e+1),a=i*e,u=s[o];if(u>4)return;for(let l=0;l<e;l++){let c=l>=n?r[a+l-n]:0,h=i?r[a+l-e]:0,m=i&&l>=n?r[a+l-e-n]:0,d=[0,c,h,c+h>>1,jn(c,h,m)][u];r[a+l]=s[o+1+l]+d}}return r}function jn(s,e,t){let n=Math.abs(e-t),r=Math.abs(s-t),i=Math.abs(s+e-2*t);return n<=r&&n<=i?s:r<=i?e:t}var me=64,xt=3;async function Mt(s,e){let t=s.bodies.blocks;if(!t)return;let n=t[0];if(n!==1&&n!==2&&n!==xt)throw A("the blocks section uses a method that this version does not know");let r=Math.ceil(s.width/me),i=r*Math.ceil(s.height/me),o=[],a=1;for(let c=!1;o.length<i;c=!c){let[h,m]=P(t,a);if(h>i-o.length||h===0&&(c||o.length))throw A("the blocks section has runs that do not fit the picture");o.push(...new Array(h).fill(c)),a=m}if(!o.includes(!0))throw A("the blocks section holds no block");if(!o.includes(!1)&&s.tiles.some(c=>c.length))throw A("the file holds its pixels twice");let u=t.subarray(a);if(n!==xt)return{columns:r,mask:o,samples:await Ie(s,"blocks",n,u,e)};let l=vt(u,(c,h)=>c===s.width&&h===s.height);try{let c=await e(l,s.width,s.height,"image/avif");return{columns:r,mask:o,samples:Pe(c)}}catch{throw A("the blocks section cannot be decoded")}}var kt="Exif\0\0";var Hn={1:[1],2:[1],3:[2,(s,e,t)=>s.getUint16(e,t)],4:[4,(s,e,t)=>s.getUint32(e,t)],5:[8,(s,e,t)=>s.getUint32(e,t)/s.getUint32(e+4,t)],6:[1,(s,e)=>s.getInt8(e)],7:[1],8:[2,(s,e,t)=>s.getInt16(e,t)],9:[4,(s,e,t)=>s.getInt32(e,t)],10:[8,(s,e,t)=>s.getInt32(e,t)/s.getInt32(e+4,t)],11:[4,(s,e,t)=>s.getFloat32(e,t)],12:[8,(s,e,t)=>s.getFloat64(e,t)]};function Ut(s){let e=[],t=s;for(;Le(t,kt);)t=t.subarray(kt.length);let n=Le(t,"II");if(t.length<8||!(n||Le(t,"MM")))return e;let r=new DataView(t.buffer,t.byteOffset,t.length),i=r.getUint32(4,n);if(!i||i+2>t.length)return e;let o=Math.min(i+2+12*r.getUint16(i,n),t.length);for(let a=i+2;a+12<=o;a+=12){let[u,l]=Hn[r.getUint16(a+2,n)]??[1],c=u*r.getUint32(a+4,n),h=c>4?r.getUint32(a+8,n):a+8,m=c>0&&h+c<=t.length;e.push([r.getUint16(a,n),l&&m?l(r,h,n):NaN])}return e}function Le(s,e){return Array.from(e).every((t,n)=>s[n]===t.charCodeAt(0))}var Kn=274,[Wn,Vn,qn]=[282,283,296],Et=2,Yn={[Et]:1,3:2.54},Xn=.013,Jn=72e3;function Tt({xmp:s,comment:e,exif:t,resolution:n}){for(let[a,u]of Object.entries({xmp:s,comment:e}))if(u&&!qe(u))throw A(`the ${a} section is not valid UTF-8`);let r=t?Ut(t):[];if(r.some(([a,u])=>a===Kn&&u!==1))throw A("the exif section has an orientation, but pixels are stored upright");if(!n)return;let i=Qn(n);if(Zn(new Map(r))?.every((a,u)=>a===i[u]))throw A("the resolution section says what the exif section says already")}function Qn(s){let[e,t]=P(s,0),[n,r]=P(s,t);if(r!==s.length||!e||!n)throw A("the resolution section is not as it should be");return[e,n]}function Zn(s){let e=Yn[s.get(qn)??Et]??NaN,[t,n]=[Wn,Vn].map(i=>(s.get(i)??NaN)*e);if(![t,n].every(i=>i>=.001&&i<1e6))return;let r=[St(t),St(n)];return r.every(i=>i===Jn)?void 0:r}function St(s){let e=Math.round(s);if(Math.abs(s-e)<Xn)return 1e3*e;let t=Math.round(1e3*Number(s.toFixed(3)));return 16*s%2===1&&t%2?t-1:t}var _t=`// Kernels of the synthesis for WebGPU (docs/reference/format.md, section 9).
//
// They work on a copy of the memory of the kernels in WebAssembly, at the same addresses. A job's
// numbers are those of assembly/synthesis.ts where a comment says nothing else. Addresses are in
// bytes. Most kernels compute one value in each thread; the last number is how many there are.
//
// HEAD is put before this text: values in a head of the attention.

const THREADS = 64;
const ACCUMULATE = 1; // add to what stands in the output
const HSWISH = 2; // pass the result through hswish

struct Job { numbers: array<vec4<i32>, 5> }

// Not floats: the bits of a whole number are no float that a GPU keeps as it is.
@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> job: Job;

fn at(i: i32) -> i32 { return job.numbers[i / 4][i % 4]; }
fn address(i: i32) -> i32 { return at(i) / 4; }
fn load(i: i32) -> f32 { return bitcast<f32>(memory[i]); }
fn store(i: i32, v: f32) { memory[i] = bitcast<u32>(v); }
fn hswish(v: f32) -> f32 { return v * clamp(v + 3, 0, 6) / 6; }

/// Workgroups stand in rows, as one row has a limit.
fn number(group: vec3u, groups: vec3u) -> i32 { return i32(group.y * groups.x + group.x); }

/// The value that a thread computes, or -1.
fn unit(group: vec3u, groups: vec3u, thread: u32) -> i32 {
  let i = number(group, groups) * THREADS + i32(thread);
  return select(-1, i, i < at(19));
}

// A workgroup multiplies ROWS rows by COLUMNS columns, STEP inputs at a time, and each of its
// threads four rows by eight columns.
const ROWS = 32;
const COLUMNS = 64;
const STEP = 16;
var<workgroup> tokens: array<f32, 512>; // ROWS x STEP
var<workgroup> weights: array<f32, 1024>; // STEP x COLUMNS

/// out = x w + bias: as \`dense\`, then the number of rows.
@compute @workgroup_size(64)
fn dense(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let x = address(0); let xs = address(1);
  let w = address(2); let ws = address(3); let ps = address(4);
  let inputs = at(8); let outputs = at(9); let mode = at(10); let rows = at(11);
  let thread = i32(index);
  let row = i32(group.y) * ROWS;
  let column = i32(group.x) * COLUMNS;
  let ownRow = thread / 8 * 4;
  let ownColumn = thread % 8 * 8;
  var sums: array<array<f32, 8>, 4>;
  for (var first = 0; first < inputs; first += STEP) {
    for (var i = thread; i < ROWS * STEP; i += THREADS) {
      let r = row + i / STEP;
      let input = first + i % STEP;
      var v = 0.0;
      if (r < rows && input < inputs) { v = load(x + r * xs + input); }
      tokens[i] = v;
    }
    for (var i = thread; i < STEP * COLUMNS; i += THREADS) {
      let input = first + i / COLUMNS;
      let output = column + i % COLUMNS;
      var v = 0.0;
      if (input < inputs && output < outputs) {
        v = load(w + output / 8 * ps + input * ws + output % 8);
      }
      weights[i] = v;
    }
    workgroupBarrier();
    for (var i = 0; i < STEP; i++) {
      for (var r = 0; r < 4; r++) {
        let v = tokens[(ownRow + r) * STEP + i];
        for (var c = 0; c < 8; c++) { sums[r][c] += v * weights[i * COLUMNS + ownColumn + c]; }
      }
    }
    workgroupBarrier();
  }
  for (var r = 0; r < 4; r++) {
    for (var c = 0; c < 8; c++) {
      let output = column + ownColumn + c;
      if (row + ownRow + r >= rows || output >= outputs) { continue; }
      let to = address(6) + (row + ownRow + r) * address(7) + output;
      var v = sums[r][c];
      if (at(5) != 0) { v += load(address(5) + output); }
      if ((mode & ACCUMULATE) != 0) { v += load(to); }
      if ((mode & HSWISH) != 0) { v = hswish(v); }
      store(to, v);
    }
  }
}

var<workgroup> parts: array<f32, 64>;

/// The sum of a value over the threads of a workgroup.
fn total(value: f32, thread: u32) -> f32 {
  parts[thread] = value;
  for (var n = 32u; n > 0; n /= 2) {
    workgroupBarrier();
    if (thread < n) { parts[thread] += parts[thread + n]; }
  }
  let sum = workgroupUniformLoad(&parts[0]);
  workgroupBarrier();
  return sum;
}

/// Tokens with mean 0 and variance 1: in, out, channels, scale, shift, tokens. A workgroup each.
@compute @workgroup_size(64)
fn norm(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let channels = at(2);
  let token = min(number(group, groups), at(5) - 1); // all threads must reach the barriers
  let x = address(0) + token * channels;
  var sum = 0.0;
  for (var c = i32(thread); c < channels; c += THREADS) { sum += load(x + c); }
  let mean = total(sum, thread) / f32(channels);
  sum = 0;
  for (var c = i32(thread); c < channels; c += THREADS) {
    let off = load(x + c) - mean;
    sum += off * off;
  }
  let factor = 1 / sqrt(total(sum, thread) / f32(channels) + 1e-5);
  for (var c = i32(thread); c < channels; c += THREADS) {
    let v = (load(x + c) - mean) * factor;
    store(address(1) + token * channels + c, v * load(address(3) + c) + load(address(4) + c));
  }
}

/// Attention: qkv of all tokens, out, height, width, channels, window, shift, heads, windows in a
/// row, biases by places, windows. A workgroup for each head of each window, a thread for each
/// token. One pass: sums are scaled down when a higher score comes.
@compute @workgroup_size(64)
fn attention(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let heads = at(7);
  let whole = side * side;
  let window = number(group, groups) / heads;
  if (window >= at(10)) { return; }
  let head = number(group, groups) % heads;
  let before = select(0, side - at(6), at(6) != 0);
  let top = window / at(8) * side - before;
  let left = window % at(8) * side - before;
  for (var own = i32(thread); own < whole; own += THREADS) {
    let y = top + own / side;
    let x = left + own % side;
    if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
    let query = address(0) + (y * w + x) * 3 * d + head * HEAD;
    var most = -1e30;
    var weight = 0.0;
    var sums: array<f32, HEAD>;
    for (var other = 0; other < whole; other++) {
      let y = top + other / side;
      let x = left + other % side;
      if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
      let key = address(0) + ((y * w + x) * 3 + 1) * d + head * HEAD;
      var score = load(address(9) + (head * whole + own) * whole + other);
      for (var i = 0; i < HEAD; i++) { score += load(query + i) * load(key + i); }
      let highest = max(most, score);
      let old = exp(most - highest);
      let new_ = exp(score - highest);
      weight = weight * old + new_;
      for (var i = 0; i < HEAD; i++) { sums[i] = sums[i] * old + new_ * load(key + d + i); }
      most = highest;
    }
    let out = address(1) + (y * w + x) * d + head * HEAD;
    for (var i = 0; i < HEAD; i++) { store(out + i, sums[i] / weight); }
  }
}

/// Values of the first half of a row times the hswish of the second: rows, values in a half.
@compute @workgroup_size(64)
fn gate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let x = address(0) + i / at(1) * 2 * at(1) + i % at(1);
  store(x, load(x) * hswish(load(x + at(1))));
}

@compute @workgroup_size(64)
fn scale(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let v = f32(bitcast<i32>(memory[address(0) + i]));
  store(address(1) + i, v * load(address(3) + i % at(2)));
}

@compute @workgroup_size(64)
fn shuffle(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let w = at(2); let n = at(3); let d = at(4);
  let x = to / d % (w * n);
  let y = to / d / (w * n);
  let part = (y / n * w + x / n) * n * n + y % n * n + x % n;
  store(address(1) + to, load(address(0) + part * d + to % d));
}

@compute @workgroup_size(64)
fn near(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let c = to % d;
  let x = to / d % w - side / 2;
  let y = to / d / w - side / 2;
  var sum = load(address(7) + c);
  for (var i = max(0, -y); i < min(side, h - y); i++) {
    for (var j = max(0, -x); j < min(side, w - x); j++) {
      let weight = load(address(6) + (i * side + j) * d + c);
      sum += weight * load(address(0) + ((y + i) * w + x + j) * d + c);
    }
  }
  store(address(1) + to, sum);
}

/// Where a value of a patch stands in planes: cells in a row, cells in a column, n.
fn inPlanes(i: i32, across: i32, down: i32, n: i32) -> i32 {
  let value = i % (3 * n * n);
  let cell = i / (3 * n * n);
  let y = cell / across * n + value / n % n;
  let x = cell % across * n + value % n;
  return (value / (n * n) * down * n + y) * across * n + x;
}

/// Patches into planes: patches, planes, cells in a row, cells in a column, n, whether to add.
@compute @workgroup_size(64)
fn place(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let to = address(1) + inPlanes(i, at(2), at(3), at(4));
  var v = load(address(0) + i);
  if (at(5) != 0) { v += load(to); }
  store(to, v);
}

/// Planes as patches: the numbers of \`place\`.
@compute @workgroup_size(64)
fn patches(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  store(address(0) + i, load(address(1) + inPlanes(i, at(2), at(3), at(4))));
}

/// z = shift + z (1 + gain): shifts and gains of each token, z, tokens in a row, cells per side of a
/// token, channels of z.
@compute @workgroup_size(64)
fn modulate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let w = at(2); let n = at(3); let c = at(4);
  let half = n * n * c;
  let x = i / c % (w * n);
  let y = i / c / (w * n);
  let token = y / n * w + x / n;
  let shift = address(0) + token * 2 * half + (y % n * n + x % n) * c + i % c;
  let z = load(address(1) + i);
  store(address(1) + i, z + load(shift) + z * load(shift + half));
}

/// 16 samples at \`start\`, \`step\` apart, times a matrix whose rows and columns are so far apart.
fn lap(start: i32, step: i32, matrix: i32, down: i32, across: i32) {
  var samples: array<f32, 16>;
  for (var i = 0; i < 16; i++) { samples[i] = load(start + i * step); }
  for (var j = 0; j < 16; j++) {
    var sum = 0.0;
    for (var i = 0; i < 16; i++) { sum += samples[i] * load(matrix + i * down + j * across); }
    store(start + j * step, sum);
  }
}

@compute @workgroup_size(64)
fn lapColumns(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = width / 16 - 1;
  let start = address(0) + i / borders * width + 8 + 16 * (i % borders);
  lap(start, 1, address(2), 16, 1);
}

@compute @workgroup_size(64)
fn lapRows(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = at(3);
  let border = i / width;
  let row = border / borders * at(4) + border % borders * 16 + 8;
  lap(address(0) + row * width + i % width, width, address(2), 1, 16);
}

/// The sum of \`factor x factor\` samples from one of them on.
fn sumOf(first: i32, width: i32, factor: i32) -> f32 {
  var sum = 0.0;
  for (var y = 0; y < factor; y++) {
    for (var x = 0; x < factor; x++) { sum += load(first + y * width + x); }
  }
  return sum;
}

@compute @workgroup_size(64)
fn means(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(2);
  let columns = width / factor;
  let first = address(0) + i / columns * factor * width + i % columns * factor;
  var mean = sumOf(first, width, factor) / f32(factor * factor);
  if (at(4) != 0) { mean += load(address(3) + i); }
  store(address(3) + i, mean);
}

@compute @workgroup_size(64)
fn pixels(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(3); let columns = at(6);
  let first = address(0) + ((at(7) + i / columns) * width + at(5) + i % columns) * factor;
  var levels: array<u32, 3>;
  for (var c = 0; c < 3; c++) {
    let mean = sumOf(first + c * width * at(2), width, factor) / f32(factor * factor);
    levels[c] = u32(round(clamp(mean + 128, 0, 255)));
  }
  if (at(8) != 0) {
    let grey = (levels[0] + levels[1] + levels[2] + 1) / 3;
    levels = array(grey, grey, grey);
  }
  memory[address(4) + i] = levels[0] | (levels[1] << 8) | (levels[2] << 16) | 0xff000000;
}
`;var tr=64,nr=32768,[rr,sr]=[32,64],Re=16384,It=19,de=256,or=1<<30,Ne=1,ir=2,ar={scale:(s,e)=>e*s[2],shuffle:(s,e)=>e*s[2]*s[3]**2*s[4],near:(s,e)=>e*s[3]*s[4],lapColumns:(s,e)=>e*(s[1]/16-1),lapRows:(s,e)=>e*s[1],means:(s,e)=>e*s[1]/s[2],pixels:(s,e)=>e*s[6]},fe=class s{constructor(e,t,n){this.device=e;this.machine=t;this.room=e.limits.maxStorageBufferBindingSize,this.module=e.createShaderModule({code:`const HEAD = ${n};
${_t}`});let r=GPUShaderStage.COMPUTE;this.layout=e.createBindGroupLayout({entries:[{binding:0,visibility:r,buffer:{type:"storage"}},{binding:1,visibility:r,buffer:{type:"uniform",hasDynamicOffset:!0}}]})}device;machine;room;pipelines=new Map;module;layout;memory;weights=-1;jobs=[];inputs=[];static async open(e,t,n){let{navigator:r}=globalThis,i=await r?.gpu?.requestAdapter({powerPreference:"high-performance"});if(!i||i.info.isFallbackAdapter&&!n)return;let{maxBufferSize:o,maxStorageBufferBindingSize:a}=i.limits,u=Math.min(o,a,or),l={maxBufferSize:u,maxStorageBufferBindingSize:u};return new s(await i.requestDevice({requiredLimits:l}),e,t)}input(e,t){this.inputs.push([e,t])}run(e,t,n){let r=ar[e];r?this.values(e,t,r(t,n)):e==="dense"?this.dense(t,n):this.machine.within(()=>{if(e==="tokens")this.mlp(t[0],n,t[1],t.slice(2));else if(e==="windows")this.windows(t,n);else if(e==="place")this.place(t);else if(e==="embed")this.embed(t);else if(e==="modulate")this.modulate(t,n);else throw new Error(`${e} does not run on a GPU`)})}job(e,t,n,r){n&&r&&this.jobs.push({kernel:e,numbers:t,groups:[n,r]})}groups(e,t,n){let r=Math.ceil(n/nr);this.job(e,t,Math.ceil(n/r),r)}values(e,t,n){let r=[...t,...new Array(It-t.length).fill(0),n];this.groups(e,r,Math.ceil(n/tr))}dense(e,t){let n=Math.ceil(e[9]/sr);this.job("dense",[...e,t],n,Math.ceil(t/rr))}linear(e,t,n,r,i,o,a,u=0,l=t){let c=[n,32,32*t,r,i,4*o,t,o,u];this.dense([e,4*l,...c],a)}mlp(e,t,n,r){let[i,o,a,u,l,c,h,m]=r,d=m?2*h:h,f=Math.min(t,Re),b=i?this.machine.alloc(4*f*n):0,p=this.machine.alloc(4*f*d);for(let g=0;g<t;g+=Re){let y=Math.min(Re,t-g),w=e+4*g*n;i&&this.groups("norm",[w,b,n,i,o,y],y);let v=i?b:w;this.linear(v,n,a,u,p,d,y,m?0:ir),m&&this.values("gate",[p,h],y*h),this.linear(p,h,l,c,w,n,y,Ne,d)}}windows(e,t){let[n,r,i,o,a,u,l,c,h,m,d,f,b,p,g]=e,y=r*i;this.machine.within(()=>{let w=this.machine.alloc(4*y*o),v=this.machine.alloc(12*y*o);this.groups("norm",[n,w,o,h,m,y],y),this.linear(w,o,d,f,v,3*o,y);let x=[v,w,r,i,o,a,u,l,c,b,t];this.groups("attention",x,t*l),this.linear(w,o,p,g,n,o,y,Ne)}),this.mlp(n,y,o,e.slice(16))}place(e){let[t,n,r,i,o,a,u,l,c,h,m,d,f,b,p]=e,g=3*h*h,y=l*c,w=this.machine.alloc(4*y*g);if(this.dense([t,4*n,r,i,o,a,w,4*g,n,g,0],y),f){let v=[d,4*p,b,i,o,0,w,4*g,f,g];this.dense([...v,Ne],y)}this.values("place",[w,u,l,c,h,m],y*g)}embed(e){let[t,n,r,i,o,a,u,l,c]=e,h=3*i*i,m=n*r,d=this.machine.alloc(4*m*h);this.values("patches",[d,t,n,r,i],m*h),this.linear(d,h,o,a,u,l,m,c)}modulate(e,t){let[n,r,i,o,a,u,l,c]=e,h=l*l*c,m=t*u,d=this.machine.alloc(8*m*h);this.linear(n,r,i,o,d,2*h,m),this.values("modulate",[d,a,u,l,c],m*h)}async result(e,t,n){let{device:r,jobs:i,inputs:o}=this;[this.jobs,this.inputs]=[[],[]];let a=["validation","out-of-memory","internal"];for(let m of a)r.pushErrorScope(m);let u=this.submit(i,o,e,t,n),c=(await Promise.all(a.map(()=>r.popErrorScope()))).find(m=>m!==null);if(c)throw new Error(c.message);await u.mapAsync(GPUMapMode.READ);let h=new Uint8Array(u.getMappedRange()).slice(0,t);return u.destroy(),h}submit(e,t,n,r,i){let{device:o,machine:a}=this,{queue:u}=o,l=a.size;if(!this.memory||this.memory.size<l){if(l>this.room)throw new Error(`the GPU has no buffer of ${l} bytes`);this.memory?.destroy();let v=GPUBufferUsage.STORAGE|GPUBufferUsage.COPY_DST|GPUBufferUsage.COPY_SRC;this.memory=o.createBuffer({size:l,usage:v}),this.weights=-1}let{memory:c}=this,h=(v,x)=>{u.writeBuffer(c,v,a.u8(v,x))};this.weights!==i.version&&h(0,i.bytes),this.weights=i.version;for(let[v,x]of t)h(v,x);let m=o.createBuffer({size:de*e.length,usage:GPUBufferUsage.UNIFORM|GPUBufferUsage.COPY_DST}),d=new Int32Array(de/4*e.length);e.forEach((v,x)=>{d.set(v.numbers,de/4*x)}),u.writeBuffer(m,0,d);let f=o.createBindGroup({layout:this.layout,entries:[{binding:0,resource:{buffer:c}},{binding:1,resource:{buffer:m,size:4*(It+1)}}]}),b=o.createCommandEncoder(),p=b.beginComputePass();e.forEach(({kernel:v,groups:x},M)=>{p.setPipeline(this.pipeline(v)),p.setBindGroup(0,f,[de*M]),p.dispatchWorkgroups(...x)}),p.end();let g=Math.ceil(r/4)*4,y=GPUBufferUsage.COPY_DST|GPUBufferUsage.MAP_READ,w=o.createBuffer({size:g,usage:y});return b.copyBufferToBuffer(c,n,w,0,g),u.submit([b.finish()]),m.destroy(),w}pipeline(e){let t=this.pipelines.get(e);if(!t){let n=this.device.createPipelineLayout({bindGroupLayouts:[this.layout]}),r={module:this.module,entryPoint:e};t=this.device.createComputePipeline({layout:n,compute:r}),this.pipelines.set(e,t)}return t}};var pe=class{constructor(e,t){this.machine=e;this.model=t}machine;model;version=0;setting=-1;realism=0;second;byRealism=[];bySetting=[];use(e,t,n){if(t!==this.realism){this.realism=t,this.second=n;for(let r of this.byRealism)r()}else if(e===this.setting)return;this.setting=e,this.version++;for(let r of this.bySetting)r()}row(e,t){let n=this.machine.alloc(4*e().shape[1]);return this.bySetting.push(()=>{let r=t(le(e(),this.setting));this.machine.f32(n,r.length).set(r)}),n}values(e){let t=this.model.tensor(`tcae.decoder.${e}`).values,n=this.realism?this.second?.get(e)?.values:void 0;return n?Float32Array.from(t,(r,i)=>r+this.realism*(n[i]-r)):t}shape(e){return this.model.tensor(`tcae.decoder.${e}`).shape}now(e){e(),this.byRealism.push(e)}linear(e,{gain:t=1,divide:n=1}={}){let{machine:r}=this,[i,o]=this.shape(`${e}.weight`),a=Math.ceil(i/8),u=r.zeros(32*a*o),l=r.zeros(32*a);return this.now(()=>{let c=this.values(`${e}.weight`),h=r.f32(u,8*a*o);for(let d=0;d<i;d++){let f=(d>>3)*8*o+(d&7);for(let b=0;b<o;b++){let p=typeof n=="number"?n:n[b];h[f+8*b]=c[d*o+b]*t/p}}let m=this.values(`${e}.bias`);r.f32(l,i).forEach((d,f,b)=>b[f]=m[f]*t)}),{weights:u,bias:l,inputs:o,outputs:i}}near(e){let{machine:t}=this,[n,,r]=this.shape(`${e}.weight`),i=r*r,o=t.alloc(4*i*n),a=t.alloc(4*n);return this.now(()=>{let u=this.values(`${e}.weight`),l=t.f32(o,i*n);for(let c=0;c<n;c++)for(let h=0;h<i;h++)l[h*n+c]=u[c*i+h]+ +(h===i>>1);t.f32(a,n).set(this.values(`${e}.bias`))}),[n,r,o,a]}norm(e){let t=this.shape(`${e}.table`),n=t[1]/2,r=this.row(()=>({values:Float32Array.from(this.values(`${e}.table`)),shape:t}),i=>i.map((o,a)=>a<n?o+1:o));return{scale:r,shift:r+4*n}}mlp(e,t,n){let r=this.linear(`${e}.fc1`),i=this.linear(`${e}.fc2`);return[[t?.scale??0,t?.shift??0,r.weights,r.bias,i.weights,i.bias,i.inputs,Number(n)],r.outputs]}blocks(e,t){let n=this.model.attending(t);return Array.from({length:t},(r,i)=>{let o=`${e}.${i}`,a=this.near(`${o}.dw`),u=this.norm(`${o}.norm2`),[l,c]=this.mlp(o,u,this.model.config.gated),h=n.indexOf(i),m=h<0?void 0:this.attention(o,h%2===1);return{near:a,attention:m,mlp:l,hidden:c,channels:a[0]}})}attention(e,t){let{machine:n}=this,{window:r,head_dim:i}=this.model.config,o=`${e}.attn`,a=r*r,[u,l]=this.shape(`${o}.bias`),c=n.alloc(4*u*a*a);this.now(()=>{let f=this.values(`${o}.bias`),b=n.f32(c,u*a*a);for(let p=0;p<b.length;p++){let[g,y]=[Math.floor(p/a)%a,p%a],w=Math.floor(g/r)-Math.floor(y/r)+r-1,v=g%r-y%r+r-1;b[p]=f[Math.floor(p/a/a)*l+w*(2*r-1)+v]}});let h=this.linear(`${o}.qkv`);this.now(()=>{let f=1/Math.sqrt(i),b=h.outputs/3,p=n.f32(h.bias,b);p.forEach((y,w)=>p[w]=y*f);let g=n.f32(h.weights,Math.ceil(b/8)*8*h.inputs);for(let y=0;y<g.length;y++)Math.floor(y/8/h.inputs)*8+(y&7)<b&&(g[y]*=f)});let m=this.norm(`${e}.norm1`),d=this.linear(`${o}.proj`);return{norm:m,qkv:h,places:c,proj:d,shift:t?r>>1:0}}};var ne=16,O=4,$e=16,Pt=64,D=64,zt=1,Lt=2,Be=64,be=class{constructor(e,t){this.machine=e;this.model=t;let{config:n}=t,r=t.tensor("tcae.std").values,i=cr(),o=new pe(e,t),a=o.row(()=>t.tensor("tcae.log_step"),l=>l.map(c=>2**c/16));this.weights=o;let u=n.renderer&&{embed:o.linear("renderer.embed",{divide:Pt}),modulate:o.linear("renderer.modulate"),near:o.near("renderer.dw"),mlp:o.mlp("renderer",void 0,!0),out:o.linear("renderer.out",{gain:$e}),small:o.linear("small",{gain:$e})};this.net={steps:a,merge:e.put(t.tensor("tcae.shortcut.merge").values),basis:e.put(t.tensor("tcae.shortcut.basis").values),matrix:e.put(i),transposed:e.put(i.map((l,c)=>i[c%16*16+(c>>4)])),coarse1:o.linear("coarse1",{divide:r.subarray(0,t.coarse)}),coarse2:o.linear("coarse2"),fine1:o.linear("fine1",{divide:r.subarray(t.coarse)}),fine2:o.linear("fine2"),blocks2:o.blocks("blocks2",n.dec_blocks2),renderer:u,last:u?void 0:{split:o.linear("split"),embed:o.linear("embed",{divide:Pt}),blocks1:o.blocks("blocks1",n.dec_blocks1),blend:n.blend?o.near("blend.dw"):void 0,out:o.linear("out",{gain:$e})}},this.end=e.alloc(0)}machine;model;weights;net;end;gpu;use(e,t,n){this.weights.use(e,t,n)}run(e,t,n,r=0,i=1){this.gpu?this.gpu.run(e,t,n):this.machine.run(e,t,n,r,i)}dense(e,t,n,r=0,i=0,o=n.inputs){let{weights:a,bias:u,inputs:l,outputs:c}=n,h=i||this.machine.alloc(4*t*c),m=[e,4*l,a,32,32*l,u,h,4*c,o,c,r];return this.run("dense",m,t,0,Be),h}shuffle(e,t,n,r,i){if(r===1)return e;let o=this.machine.alloc(4*t*n*r*r*i);return this.run("shuffle",[e,o,n,r,i],t),o}nearby(e,t,n,r,i){this.run("near",[e,i,t,n,...r],t)}through(e,t,n,r){let{machine:i}=this,{window:o,head_dim:a}=this.model.config,u=e.length?i.alloc(4*n*r*e[0].channels):0;for(let{near:l,attention:c,mlp:h,hidden:m,channels:d}of e){if(this.nearby(t,n,r,l,u),[t,u]=[u,t],!c){let _=4*D*(d+m);this.run("tokens",[t,d,...h],n*r,_,D);continue}let{norm:f,qkv:b,places:p,proj:g,shift:y}=c,w=_=>Math.ceil((_+(y&&o-y))/o),v=o*o,x=Math.ceil(v/8)*8,M=Math.max(4*d*v+(a+v)*x,(d+m)*v),E=[t,n,r,d,o,y,d/a,w(r),f.scale,f.shift,b.weights,b.bias,p,g.weights,g.bias,0,...h],k=4*(v*d+M);this.run("windows",E,w(n)*w(r),k)}return t}place(e,t,n,r,i,o,a){let{weights:u,bias:l,inputs:c}=t,h=[e,c,u,32,32*c,l,n,i,r,o,Number(a),0,0];this.run("place",h,r,4*D*3*o*o)}embed(e,t,n,r,i,o,a){let u=[e,n,t,r,i.weights,i.bias,o,i.outputs,a];this.run("embed",u,t,4*D*3*r*r)}async picture(e,t,n,r,i){let{machine:o,net:a}=this,{h:u,w:l}=e;return this.gpu=i,o.within(()=>{let[c,h]=[32*l,32*u],m=o.alloc(12*c*h),[d,f]=this.scaled(e);this.linearPicture(e,d,f,m);let{token:b}=this.model,[p,g]=[h/b,c/b],y=a.renderer&&t>=O,w=m;y&&(w=o.alloc(12*c*h/t**2),this.run("means",[m,c,t,w,0],3*h/t)),o.within(()=>{let _=this.tokens(e,d,f);if(!y){this.correct(_,p,g,m);return}let I=a.renderer.small,z=o.alloc(12*c*h/O**2);this.place(_,I,z,p,g,b/O,!1);let N=[z,c/O,t/O,w,1];this.run("means",N,3*h/t)});let v=o.alloc(4*n.width*n.height),[x,M]=y?[1,t]:[t,1];this.run("pixels",[w,c/M,h/M,x,v,n.left,n.width,n.top,Number(r)],n.height);let E=4*n.width*n.height,k={bytes:this.end,version:this.weights.version};return i?.result(v,E,k)??o.u8(v,E).slice()})}scaled({h:e,w:t,coarse:n,fine:r}){let{machine:i,model:o,net:a}=this,u=(l,c,h,m)=>{let d=i.put(l);this.gpu?.input(d,4*l.length);let f=a.steps+4*m;return this.run("scale",[d,d,h,f],c,0,Be),d};return[u(n,e*t,o.coarse,0),u(r,4*e*t,o.fine,o.coarse)]}linearPicture({h:e,w:t,used:n},r,i,o){let{machine:a,model:u,net:l}=this,[c,h]=[32*t,32*e],m=u.coarse,d=m/4;a.within(()=>{let p=a.alloc(4*e*t*m),g=[r,4*m,l.merge,4*m,32,0,p,4*m,m,m,0];this.run("dense",g,e*t,0,Be);let y=this.shuffle(p,e,t,2,d),w=3*ne*ne*4,v=[y,d,l.basis,w,32,0,o,2*t,2*e,ne,0,i,n,l.basis+d*w,u.fine];this.run("place",v,2*e,D*w)}),this.run("lapColumns",[o,c,l.matrix],3*h,4*c);let f=h/ne-1,b=[o,c,l.transposed,f,h];this.run("lapRows",b,3*f,64*c)}tokens({h:e,w:t,used:n},r,i){let{net:o,model:a}=this,u=this.dense(r,e*t,o.coarse1,Lt),l=this.dense(u,e*t,o.coarse2),c=this.shuffle(l,e,t,2,o.fine1.outputs);this.dense(i,4*e*t,o.fine1,zt|Lt,c,n);let h=this.dense(c,4*e*t,o.fine2),m=ne/a.token,d=this.shuffle(h,2*e,2*t,m,a.config.dim2);return this.through(o.blocks2,d,2*e*m,2*t*m)}correct(e,t,n,r){let{machine:i,net:o}=this,{config:a,token:u}=this.model;if(o.renderer){let{embed:w,modulate:v,near:x,mlp:M,out:E}=o.renderer,k=u/O,_=t*n*k*k,I=w.outputs,z=i.alloc(4*_*I);this.embed(r,k*t,k*n,O,w,z,0);let N=[e,v.inputs,v.weights,v.bias,z,n,k,I];this.run("modulate",N,t,4*D*v.outputs);let $=i.alloc(4*_*I);this.nearby(z,k*t,k*n,x,$);let C=4*D*M[1];this.run("tokens",[$,I,...M[0]],_,C,D),this.place($,E,r,k*t,k*n,O,!0);return}let{split:l,embed:c,blocks1:h,blend:m,out:d}=o.last,f=a.staged?2:1,b=this.dense(e,t*n,l),p=this.shuffle(b,t,n,f,a.dim1),[g,y]=[f*t,f*n];if(this.embed(r,g,y,a.patch,c,p,zt),p=this.through(h,p,g,y),m){let w=i.alloc(4*g*y*a.dim1);this.nearby(p,g,y,m,w),p=w}this.place(p,d,r,g,y,a.patch,!0)}};function cr(){let s=(n,r)=>.5*Math.cos(Math.PI*(2*r+1)*n/16)*(n?1:Math.SQRT1_2),e=(n,r)=>.5*Math.cos(Math.PI*(2*r+1)*(2*n+1)/32),t=(n,r)=>{let i=0;for(let o=0;o<8;o++)i+=s(o,7-n)*e(o,7-r);return i};return Float32Array.from({length:256},(n,r)=>{let[i,o]=[r>>4,r&15],[a,u]=[i&7,o&7],l=+(a===u),c=+(a+u===7);return i<8?(o<8?l+t(7-a,7-u):c-t(7-a,u))/2:(o<8?c-t(a,7-u):l+t(a,u))/2})}var Rt=6<<20,ur=100,ge=class{constructor(e,t){this.machine=e;this.model=t;this.synthesis=new be(e,t)}machine;model;synthesis;gpus=new Map;async gpu(e){if(e==="cpu")return;let t=e==="gpu",n=this.gpus.get(t)??this.open(t).catch(()=>{});this.gpus.set(t,n);let r=await n;if(t&&!r)throw new S("BadOption","no GPU can be used here");return r}most(e){return e?Math.min(Rt,e.room/ur):Rt}async picture(e,t,n,r,i,o){let{synthesis:a}=this;if(a.use(e.setting,e.realism,e.second),o){try{return await a.picture(t,n,r,i,o)}catch{for(let u of this.gpus.keys())this.gpus.set(u,Promise.resolve(void 0))}a.use(e.setting,e.realism,e.second)}return a.picture(t,n,r,i,void 0)}async open(e){let t=await fe.open(this.machine,this.model.config.head_dim,e);if(!t)return;let[n,r]=[2,3],i=m=>Int32Array.from({length:m},(d,f)=>f*7919%97-48),{coarse:o,fine:a}=this.model,u={h:n,w:r,coarse:i(n*r*o),fine:i(4*n*r*a),used:a},l={left:0,top:0,width:32*r,height:32*n};this.synthesis.use(500,0);let c=await this.synthesis.picture(u,1,l,!1,t);this.synthesis.use(500,0);let h=await this.synthesis.picture(u,1,l,!1,void 0);return c.every((m,d)=>Math.abs(m-h[d])<=1)?t:void 0}};function ye([s,e],t){return[Math.floor(s/t),Math.ceil(e/t)]}function Nt(s,e,{config:t,attending:n}){let r=t.dw_kernel>>1,i=n(e),[o,a]=s;for(let u=e-1;u>=0;u--){let l=i.indexOf(u);if(l>=0){let c=l%2?t.window>>1:0;o=Math.floor((o-c)/t.window)*t.window+c,a=Math.ceil((a-c)/t.window)*t.window+c}o-=r,a+=r}return[o,a]}function $t(s,e){return e?$t(e,s%e):s}function Ce({config:s,token:e}){let t=s.window*e;return s.dec_attention?t/$t(32,t):1}function re(s,e,t){let{config:n,token:r}=t,i={config:n,attending:g=>t.attending(g)},o=n.renderer?4:n.patch,a=(n.renderer?n.dw_kernel:n.blend)>>1,[u,l]=ye(s,o),c=Nt([u-a,l+a],n.dec_blocks1,i),[h,m]=ye([c[0]*o-8,c[1]*o+8],32),d=Nt(ye(c,r/o),n.dec_blocks2,i),f=ye(d,32/r),b=Ce(t),p=Math.floor(Math.min(h,f[0])/b)*b;return[Math.max(0,p),Math.min(Math.ceil(e/32),Math.max(m,f[1]))]}var T=ae/32,Fe=class{constructor(e,t,n){this.model=t;this.decodeImage=n;this.entropy=new he(e,t),this.painter=new ge(e,t)}model;decodeImage;entropy;painter;second;async decode(e,t={}){let n=ce(e,t.limits),{realism:r=0,onProgress:i}=t;this.checkModel(n);let o=hr(t.scale??1),a=await this.realistic(r),u=dr(mr(t.region,n),o),l=u.right-u.left,c=u.bottom-u.top;Tt(n.bodies);let h=await this.plane(n,"alpha",o,u),m=await this.plane(n,"exact",o,u),d=await Mt(n,this.decodeImage),f=lr(4*l*c,n);if(m)for(let p=0;p<l*c;p++){for(let g=0;g<3;g++)f[4*p+g]=m[3*p+g];f[4*p+3]=255}else{if(!d||d.mask.includes(!1)){let p={setting:n.setting,realism:r,second:a};await this.paint(n,u,o,f,p,t)}d&&fr(d,n,u,o,f)}if(h)for(let p=0;p<h.length;p++)f[4*p+3]=h[p];i?.(1);let{icc:b}=n.bodies;return{width:l,height:c,data:f,grey:n.grey,...b&&{icc:b.slice()}}}latents(e){let t=ce(e);this.checkModel(t);let{groups:n,coarse:r}=this.model.config,{sizes:i}=this.model,[o,a]=[Math.ceil(t.width/32),Math.ceil(t.height/32)],u=Math.max(...t.tiles.map(m=>32-Math.clz32(this.entropy.present(m)[0]))),l=n.slice(0,u).reduce((m,d)=>m+d,0),c=new Int32Array(a*o*l),h=this.tiles(t,n.length);for(let m=0;m<a;m++)for(let d=0;d<o;d++){let f=h(Math.floor(d/T),Math.floor(m/T)),[b,p]=[m%T,d%T],g=(m*o+d)*l,[y,w]=[0,0];for(let v=0;v<u;v++){let x=i[v];if(v<r){let M=(b*f.w+p)*this.model.coarse+y;c.set(f.coarse.subarray(M,M+x),g),g+=x,y+=x;continue}for(let M=0;M<4;M++){let k=((2*b+(M>>1))*2*f.w+2*p+(M&1))*this.model.fine+w;c.set(f.fine.subarray(k,k+x),g),g+=x}w+=x}}return c}checkModel(e){if(!this.model.id.startsWith(e.modelId))throw new S("UnknownModel",`the file was made with model ${e.modelId}, not with ${this.model.id.slice(0,10)}`)}async realistic(e){if(!(e>=0&&e<=1))throw new S("BadOption",`realism must be from 0 to 1, not ${e}`);if(e){if(!this.model.realism)throw new S("BadOption","the model has no decoder for realism; only realism 0 works");this.second??=this.model.realism();try{return await this.second}catch(t){throw this.second=void 0,t}}}async plane(e,t,n,r){let i=await At(e,t,this.decodeImage);if(!i)return;let o=t==="alpha"?1:3,a=ze(i,e.width,e.height,o,n),u=Math.ceil(e.width/n)*o,l=(r.right-r.left)*o,c=new Uint8Array(l*(r.bottom-r.top));for(let h=r.top;h<r.bottom;h++){let m=h*u+r.left*o;c.set(a.subarray(m,m+l),(h-r.top)*l)}return c}tiles(e,t){let[n,r]=[Math.ceil(e.width/32),Math.ceil(e.height/32)],i=Math.ceil(n/T),o=new Map;return(a,u)=>{let l=u*i+a,c=o.get(l);if(!c){for(let d of o.keys())d<(u-2)*i&&o.delete(d);let h=[Math.min(T,r-u*T),Math.min(T,n-a*T)],m=e.tiles[l];c={...this.entropy.decode(m,e.setting,...h,t),w:h[1]},o.set(l,c)}return c}}async paint(e,t,n,r,i,{device:o,onProgress:a}){let{painter:u}=this,l=await u.gpu(o),c=gt(this.model,e.setting,n),h=this.tiles(e,c),{sizes:m,config:d}=this.model,f=Math.min(c,Math.max(...e.tiles.map(y=>32-Math.clz32(this.entropy.present(y)[0])))),b=m.slice(d.coarse,f).reduce((y,w)=>y+w,0),p=4*(t.right-t.left),g=this.parts(e,t,n,u.most(l));for(let[y,w]of g.entries()){let v=re([w.left*n,w.right*n],e.width,this.model),x=re([w.top*n,w.bottom*n],e.height,this.model),M=this.gathered(h,v,x),E={left:w.left-32*v[0]/n,top:w.top-32*x[0]/n,width:w.right-w.left,height:w.bottom-w.top},k={...M,used:b},_=await u.picture(i,k,n,E,e.grey,l);for(let I=0;I<E.height;I++){let z=_.subarray(4*I*E.width,4*(I+1)*E.width);r.set(z,(w.top-t.top+I)*p+4*(w.left-t.left))}a?.((y+1)/g.length)}}parts(e,t,n,r){let i=32*Ce(this.model),o=(p,g,y)=>{let[w,v]=re([p*n,g*n],y,this.model);return 32*(v-w)},a=(p,g,y)=>{let w=[];for(let v=p;v<g;v=w.at(-1)[1]){let x=(Math.floor(v*n/i)*i+y)/n;w.push([v,Math.min(g,x)])}return w},u=o(t.left,t.right,e.width),l=o(t.top,t.bottom,e.height),[c,h]=re([16384,16384+i],65536,this.model),m=32*(h-c)-i,d=p=>Math.max(i,Math.floor(p/i)*i),f=[[t.left,t.right]],b=[[t.top,t.bottom]];if(u*l>r){let p=r/u-m;if(p>=m)b=a(t.top,t.bottom,d(p));else{let g=d(Math.sqrt(r)-m);b=a(t.top,t.bottom,g),f=a(t.left,t.right,g)}}return b.flatMap(([p,g])=>f.map(([y,w])=>({left:y,top:p,right:w,bottom:g})))}gathered(e,t,n){let[r,i]=[n[1]-n[0],t[1]-t[0]],{coarse:o,fine:a}=this.model,u=new Int32Array(r*i*o),l=new Int32Array(4*r*i*a);for(let c=Math.floor(n[0]/T);c*T<n[1];c++)for(let h=Math.floor(t[0]/T);h*T<t[1];h++){let m=e(h,c),d=Math.max(t[0],h*T),f=Math.min(t[1],(h+1)*T),b=(y,w,v,x,M)=>{let E=((x-M*c*T)*M*m.w+M*(d-h*T))*v,k=y.subarray(E,E+M*(f-d)*v);w.set(k,((x-M*n[0])*M*i+M*(d-t[0]))*v)},p=Math.max(n[0],c*T),g=Math.min(n[1],(c+1)*T);for(let y=p;y<g;y++)b(m.coarse,u,o,y,1);for(let y=2*p;y<2*g;y++)b(m.fine,l,a,y,2)}return{h:r,w:i,coarse:u,fine:l}}};function lr(s,{width:e,height:t}){try{return new Uint8ClampedArray(s)}catch{throw new S("LimitExceeded",`not enough memory for a picture of ${e} x ${t} pixels`)}}function hr(s){for(let e of[1,2,4,8])if(s===1/e)return e;throw new S("BadOption",`a picture can be decoded at scale 1, 1/2, 1/4 or 1/8, not ${s}`)}function mr(s,{width:e,height:t}){if(!s)return[0,0,e,t];let[n,r,i,o]=s;if(!s.every(u=>Number.isInteger(u))||n<0||r<0||i<1||o<1||n+i>e||r+o>t)throw new S("BadOption",`the region ${s.join()} is not inside the picture of ${e} x ${t} pixels`);return s}function dr([s,e,t,n],r){return{left:Math.floor(s/r),top:Math.floor(e/r),right:Math.ceil((s+t)/r),bottom:Math.ceil((e+n)/r)}}function fr({columns:s,mask:e,samples:t},n,r,i,o){let a=ze(t,n.width,n.height,3,i),u=Math.ceil(n.width/i),l=me/i,c=0;for(let h=r.top;h<r.bottom;h++)for(let m=r.left;m<r.right;m++,c+=4){if(!e[Math.floor(h/l)*s+Math.floor(m/l)])continue;let d=3*(h*u+m);for(let f=0;f<3;f++)o[c+f]=a[d+f];o[c+3]=255}}var Bt=["context","dense","embed","lapColumns","lapRows","means","modulate","near","pixels","place","scale","shuffle","tokens","windows"];var[V,Ct,q,Ft,Ot,Dt,Gt,jt,Oe]=[0,1,2,3,4,5,6,7,8],we=1088,pr=4096,De=2e3;function Ge(s){return new Int32Array(s.buffer,1024,16)}function je(s,e,t){let n=s[Bt[e[Ft]]],r=e[Ot],i=e[Dt],o=e[Gt]+t*e[jt];for(;;){let a=Atomics.add(e,Ct,i);if(a>=r)return;n(we,a,Math.min(a+i,r),o)}}function br(s){for(let e=65536;;e/=2)try{return new WebAssembly.Memory({initial:64,maximum:e,shared:s})}catch(t){if(e<=8192)throw t}}async function Ht({memory:s,module:e}){let t={memory:s};return(await WebAssembly.instantiate(e,{env:t})).exports}async function gr(s,e,t){let n=await Ht(s),r=Ge(s.memory),i=Atomics.load(r,V);for(t();;){for(let o=0;o<De&&Atomics.load(r,V)===i;o++);Atomics.wait(r,V,i),i=Atomics.load(r,V);try{je(n,r,e)}catch(o){throw Atomics.store(r,Oe,1),o}finally{Atomics.sub(r,q,1)===1&&Atomics.notify(r,q)}}}var He=class s{constructor(e,t,n){this.kernels=e;this.memory=t;this.helpers=n;this.block=Ge(t)}kernels;memory;helpers;block;top=pr;static async start(e,t,n){let r=t>1,i=br(r),o=await Ht({memory:i,module:e});return r&&await n({memory:i,module:e},t),new s(o,i,t-1)}alloc(e){let t=this.top;this.top=Math.ceil((t+e)/64)*64;let n=this.top+1024-this.memory.buffer.byteLength;return n>0&&(this.memory.grow(Math.max(Math.ceil(n/65536),64)),this.block=Ge(this.memory)),t}get size(){return this.memory.buffer.byteLength}within(e){let t=this.top;try{return e()}finally{this.top=t}}f32(e,t){return new Float32Array(this.memory.buffer,e,t)}i32(e,t){return new Int32Array(this.memory.buffer,e,t)}i16(e,t){return new Int16Array(this.memory.buffer,e,t)}u8(e,t){return new Uint8Array(this.memory.buffer,e,t)}put(e,t=e.length){let n=e.BYTES_PER_ELEMENT,r=this.alloc(n*t);return this.u8(r,n*t).fill(0),this.u8(r,n*e.length).set(new Uint8Array(e.buffer,e.byteOffset,e.byteLength)),r}zeros(e){let t=this.alloc(e);return this.u8(t,e).fill(0),t}run(e,t,n,r=0,i=1){n<1||this.within(()=>{let o=r+1023&-1024,a=o?this.alloc(o*(this.helpers+1)):0;this.i32(we,t.length).set(t);let{block:u}=this;if(u[Ft]=Bt.indexOf(e),u[Ot]=n,u[Dt]=i,u[Gt]=a,u[jt]=o,Atomics.store(u,Ct,0),!this.helpers||n<=i){je(this.kernels,u,0);return}Atomics.store(u,q,this.helpers),Atomics.add(u,V,1),Atomics.notify(u,V);try{je(this.kernels,u,0)}finally{for(let l;l=Atomics.load(u,q);){let c=0;for(;c<De&&Atomics.load(u,q)===l;)c++;c===De&&Atomics.wait(u,q,l)}Atomics.load(u,Oe)&&(this.helpers=0)}if(Atomics.exchange(u,Oe,0))throw new Error("a thread of the decoder has failed")})}points(e){this.i32(we,e.length).set(e),this.kernels.points(we)}};export{Se as DEFAULT_LIMITS,Fe as Decoder,He as Machine,ue as Model,S as TczError,gr as help,ce as read,it as readHeader,dn as readModel};
